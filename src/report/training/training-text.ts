import { asPercent } from '../../core/units.js';
import type { AnsweredPicture, ReportedPicture } from '../../training/report/report-parts.js';
import type { TrainingReport } from '../../training/report/training-report.js';
import { printable, shortened, table, wrapped } from '../format.js';
import {
  choiceRows,
  classRows,
  curveRows,
  measureRows,
  pairRows,
  type ReportTable,
  recordRows,
  withInterval,
} from './training-rows.js';

/** Columns of a terminal. */
const WIDTH = 96;
const NAME = 24;
const FILE = 44;
/** Entries of a list; the page has more. */
const LISTED = 10;

/** The report of a training for a terminal. */
export function trainingText(report: TrainingReport): string {
  const { id, base, finished_at, cross_validation: measures, warnings, learning_curve, val } = report;
  const sections: [title: string, content: string][] = [
    ['Warnings', warnings.map((warning) => bullet(printable(warning))).join('')],
    ['How good it is', rowsText(measureRows(report), [18])],
    ['Classes', rowsText(classRows(report), val ? [16, 6, 6, NAME, NAME, 18] : [NAME, 6, NAME, NAME])],
    ['Most confused, in cross-validation', rowsText(pairRows(report, measures), [NAME, NAME])],
    ['Most confused, on val', val ? rowsText(pairRows(report, val), [NAME, NAME]) : ''],
    [
      'Would more pictures help?',
      `${learning_curve.points.length > 0 ? rowsText(curveRows(report), []) : ''}${paragraph(learning_curve.says)}`,
    ],
    ['Labels that look wrong', answeredText(report.suspicious, 'LOOKS LIKE')],
    ['Pictures answered wrongly', answeredText(report.wrong, 'ANSWERED')],
    ['Pictures that nearly equal others', nearDuplicatesText(report)],
    ['Left out', leftOutText(report)],
    ['A picture of none of the classes', paragraph(unknownText(report))],
    ['What was trained', factsText(choiceRows(report))],
    ['For the record', factsText(recordRows(report))],
  ];
  return [
    `${printable(id)}: trained on ${printable(base.model)} (${base.variant}), ${finished_at}\n\n`,
    paragraph(
      `Right in ${withInterval(measures.accuracy)} of ${measures.images.toLocaleString('en')} pictures it was not trained ` +
        `on; always answering "${printable(measures.base_rate.label)}" would reach ${asPercent(measures.base_rate.value)}.`,
    ),
    ...sections.filter(([, content]) => content !== '').map(([title, content]) => `\n${title}\n${content}`),
  ].join('');
}

/** What is known of pictures that belong to no class. */
export function unknownText({ unknown }: TrainingReport): string {
  return unknown
    ? `${unknown.says} Threshold: distance ${unknown.above.toPrecision(4)} to the nearest of ${unknown.known.toLocaleString('en')} known pictures.`
    : 'It gets one of them all the same, and its probability may be high: this network has no score for the unknown.';
}

function bullet(text: string): string {
  return `  - ${wrapped(text, WIDTH - 4, '    ')}\n`;
}

function paragraph(text: string): string {
  return `  ${wrapped(text, WIDTH - 2, '  ')}\n`;
}

/** @param widths most columns of the first columns of the table */
function rowsText({ header, rows, right, note }: ReportTable, widths: readonly number[]): string {
  if (rows.length === 0) return '';
  const cells = rows.map((row) => row.map((cell, i) => shortened(printable(cell), widths[i] ?? NAME * 2)));
  return `${note ? paragraph(note) : ''}${indented(table([header.map((name) => name.toUpperCase()), ...cells], right))}`;
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, '  ');
}

function factsText(rows: readonly string[][]): string {
  const column = Math.max(...rows.map(([name = '']) => name.length)) + 2;
  return rows
    .map(
      ([name = '', value = '']) =>
        `  ${name.padEnd(column)}${wrapped(printable(value), WIDTH - column - 2, ' '.repeat(column + 2))}\n`,
    )
    .join('');
}

function answeredText(
  { count, listed }: { count: number; listed: readonly AnsweredPicture[] },
  answered: string,
): string {
  if (count === 0) return '';
  const rows = listed
    .slice(0, LISTED)
    .map(({ file, label, answer, probability }) => [
      shortened(printable(file), FILE, 'start'),
      shortened(printable(label), NAME - 8),
      shortened(printable(answer), NAME - 8),
      asPercent(probability),
    ]);
  return indented(table([['FILE', 'LABEL', answered, 'PROBABILITY'], ...rows], [3])) + rest(count, rows.length);
}

function rest(count: number, shown: number): string {
  return count > shown ? paragraph(`... and ${(count - shown).toLocaleString('en')} more.`) : '';
}

function nearDuplicatesText({ data }: TrainingReport): string {
  const { images, groups } = data.near_duplicates;
  if (groups.count === 0) return '';
  const lines = groups.listed.slice(0, LISTED).map((pictures) => bullet(filesOf(pictures)));
  const groupCount = groups.count === 1 ? '1 group' : `${groups.count.toLocaleString('en')} groups`;
  const total = `${images.toLocaleString('en')} pictures in ${groupCount}. Cross-validation keeps a group together.`;
  return paragraph(total) + lines.join('') + rest(groups.count, lines.length);
}

function leftOutText({ data }: TrainingReport): string {
  const { skipped, duplicates, conflicts } = data;
  const lists: [count: number, lines: string[]][] = [
    [skipped.count, skipped.listed.map(({ file, reason }) => `${shortFile(file)}: ${printable(reason)}`)],
    [
      duplicates.count,
      duplicates.listed.map(({ file, same_as }) => `${shortFile(file)}: the same as ${shortFile(same_as)}`),
    ],
    [conflicts.count, conflicts.listed.map((pictures) => `in several classes: ${filesOf(pictures)}`)],
  ];
  return lists
    .map(([count, lines]) => lines.slice(0, LISTED).map(bullet).join('') + rest(count, Math.min(LISTED, lines.length)))
    .join('');
}

function filesOf({ count, listed }: { count: number; listed: readonly ReportedPicture[] }): string {
  const more = count > listed.length ? ` and ${count - listed.length} more` : '';
  const files = listed.map(({ file, split }) => `${shortFile(file)}${split === 'val' ? ' (val)' : ''}`);
  return files.join(' = ') + more;
}

function shortFile(file: string): string {
  return shortened(printable(file), FILE, 'start');
}
