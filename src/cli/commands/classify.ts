import { createEngine, type Engine, unbounded } from '../../app/engine.js';
import { loadAsked } from '../../app/models-to-load.js';
import type { Config } from '../../config/load-config.js';
import { MenagerieError } from '../../core/errors.js';
import { findImageFiles } from '../../datasets/image-files.js';
import { answerJson } from '../../http/rest/answer-json.js';
import { csvField, printable, table } from '../../report/format.js';
import type { Question } from '../../serving/asking/question.js';
import { readRegular } from '../../system/regular-file.js';
import { askAbout } from '../shared/ask.js';
import { inOrder } from '../shared/in-order.js';
import type { CommandIo, ExitCode } from '../shared/io.js';
import { ProgressBar } from '../shared/progress.js';
import { withDefaultModel } from '../shared/question-flags.js';

export interface ClassifyCommandOptions {
  question: Question;
  /** Variant of every network; undefined: each model's default. */
  variant: string | undefined;
  topK: number;
  format: 'text' | 'json' | 'csv';
}

type FileResult = { file: string } & (
  | { answer: ReturnType<typeof answerJson>; error?: never }
  | { answer?: never; error: MenagerieError }
);

/**
 * `menagerie classify <files or folders...>`: classifies pictures in this process as the server would over HTTP, and writes the
 * results in the order of the files. A file that fails is reported and makes the exit status 1.
 * @throws MenagerieError `usage` if there are no pictures, `file_missing`, `io_error`; errors of loading
 */
export async function classify(
  paths: readonly string[],
  options: ClassifyCommandOptions,
  config: Config,
  io: CommandIo,
): Promise<ExitCode> {
  const files = await findImageFiles(paths);
  if (files.length === 0) throw new MenagerieError('usage', `There are no pictures in ${paths.join(', ')}.`);
  const engine = await createEngine({ config: unbounded(config), env: io.env });
  try {
    const question = await withDefaultModel(options.question, engine.repository, config);
    await loadAsked(engine, question.asked, options.variant);
    return await classifyFiles(files, { ...options, question }, engine, config, io);
  } finally {
    await engine.stop();
  }
}

async function classifyFiles(
  files: readonly string[],
  options: ClassifyCommandOptions,
  engine: Engine,
  config: Config,
  io: CommandIo,
): Promise<ExitCode> {
  const bar = new ProgressBar(io.err, 'classifying');
  if (options.format === 'csv') io.out.write('file,rank,index,label,score,error\n');
  let failed = 0;
  let done = 0;
  for await (const result of inOrder(files, 2 * engine.pool.size, (file) =>
    classifyFile(file, options, engine, config, io.signal),
  )) {
    if (io.signal.aborted) break;
    if (result.error) failed++;
    bar.clear();
    io.out.write(resultText(result, options.format));
    bar.update(++done, files.length, `${done} of ${files.length}`);
  }
  bar.clear();
  if (failed > 0) io.err.write(`${failed} of ${files.length} files could not be classified.\n`);
  return failed > 0 || io.signal.aborted ? 1 : 0;
}

async function classifyFile(
  file: string,
  options: ClassifyCommandOptions,
  { classifier }: Engine,
  config: Config,
  signal: AbortSignal,
): Promise<FileResult> {
  const read = () => readRegular(file, config.maxBytes, 'too_many_bytes');
  const outcome = await askAbout(read, options.question, classifier, signal);
  if (outcome.error) return { file, error: outcome.error };
  return { file, answer: answerJson(outcome.answer, outcome.classification.target, options.topK) };
}

function resultText({ file, answer, error }: FileResult, format: ClassifyCommandOptions['format']): string {
  const { predictions = [], agreement } = answer ?? {};
  switch (format) {
    case 'json':
      return `${JSON.stringify(error ? { file, error: { code: error.code, detail: error.message } } : { file, ...answer })}\n`;
    case 'csv': {
      const rows: (string | number)[][] = error
        ? [[file, '', '', '', '', error.code]]
        : predictions.map(({ index, label, score }, i) => [file, i + 1, index, label, score, '']);
      return rows.map((row) => `${row.map(csvField).join(',')}\n`).join('');
    }
    case 'text': {
      const name = printable(file);
      if (error) return `${name}\n  ${error.message} [${error.code}]\n`;
      const rows = predictions.map(({ label, score }) => [`  ${(100 * score).toFixed(2)} %`, label]);
      return `${name}\n${table(rows, [0])}${agreement ? `  ${agreementText(agreement)}\n` : ''}`;
    }
  }
}

function agreementText({ votes, members, jensen_shannon }: { votes: number; members: number; jensen_shannon: number }) {
  return `${votes} of ${members} networks agree on the first class; divergence ${jensen_shannon.toFixed(2)} bits`;
}
