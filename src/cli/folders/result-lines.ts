import { MenagerieError } from '../../core/errors.js';
import { csvCells } from '../../datasets/csv.js';
import type { answerJson } from '../../http/rest/answer-json.js';
import { csvField, printable, table } from '../../report/format.js';

// How the result of one picture is written, and what is read of it again when a file of results is continued. A picture is one line of
// JSON, or one row of CSV for each class; one that failed is one line or row. No line end is inside a field.

/** The result of one file. `file` is its path as `pathText` writes it. */
export type FileResult = { file: string } & (
  | { answer: ReturnType<typeof answerJson>; error?: never }
  | { answer?: never; error: MenagerieError }
);

export type ResultFormat = 'text' | 'json' | 'csv';

export const CSV_HEADER = 'file,rank,index,label,score,error,short_name\n';

/** A result as lines with their ends. */
export function resultText({ file, answer, error }: FileResult, format: ResultFormat): string {
  const { predictions = [], agreement, unknown } = answer ?? {};
  switch (format) {
    case 'json':
      return `${JSON.stringify(error ? { file, error: { code: error.code, detail: error.message } } : { file, ...answer })}\n`;
    case 'csv': {
      const rows: (string | number)[][] = error
        ? [[file, '', '', '', '', error.code, '']]
        : predictions.map(({ index, label, short_name, score }, i) => [
            file,
            i + 1,
            index ?? '',
            printable(label),
            score,
            '',
            printable(short_name),
          ]);
      return rows.map((row) => `${row.map(csvField).join(',')}\n`).join('');
    }
    case 'text': {
      if (error) return `${file}\n  ${printable(error.message)} [${error.code}]\n`;
      const rows = predictions.map(({ short_name, score }) => [
        `  ${(100 * score).toFixed(2)} %`,
        printable(short_name),
      ]);
      const remarks = [unknown ? UNKNOWN : undefined, agreement && agreementText(agreement)];
      const lines = remarks.flatMap((remark) => (remark === undefined ? [] : [`  ${remark}\n`]));
      return `${file}\n${table(rows, [0])}${lines.join('')}`;
    }
  }
}

const UNKNOWN = 'unknown: it is like no picture that the model was trained on';

function agreementText({ votes, members, jensen_shannon }: { votes: number; members: number; jensen_shannon: number }) {
  return `${votes} of ${members} networks agree on the first class; divergence ${jensen_shannon.toFixed(2)} bits`;
}

/** What a line says: of which file, the code if it failed, and which of a picture's rows it is (always 1 for JSON). */
export interface ReadLine {
  file: string;
  code: string | undefined;
  rank: number;
}

/** Reads a line that `resultText` wrote; undefined for any other. */
export function readResultLine(line: string, format: 'json' | 'csv'): ReadLine | undefined {
  return format === 'csv' ? readCsv(line) : readJson(line);
}

function readCsv(line: string): ReadLine | undefined {
  const [file = '', rank = '', , , score = '', code = '', , ...others] = csvCells(line);
  // The pattern of the fields finds one more, which is empty, behind a line that does not end with a comma.
  if (file === '' || others.some((field) => field !== '')) return undefined;
  if (rank === '') return /^[a-z_]+$/.test(code) ? { file, code, rank: 1 } : undefined;
  const complete = /^[1-9]\d*$/.test(rank) && score !== '' && code === '';
  return complete ? { file, code: undefined, rank: Number(rank) } : undefined;
}

function readJson(line: string): ReadLine | undefined {
  try {
    const { file, predictions, error } = JSON.parse(line);
    if (typeof file !== 'string') return undefined;
    if (typeof error?.code === 'string') return { file, code: error.code, rank: 1 };
    return Array.isArray(predictions) ? { file, code: undefined, rank: 1 } : undefined;
  } catch {
    return undefined;
  }
}

/** The error for a file of results that cannot be continued. */
export function cannotContinue(file: string, why: string): MenagerieError {
  return new MenagerieError('usage', `${file} cannot be continued: ${why}`);
}
