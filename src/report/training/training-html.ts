import { asPercent } from '../../core/units.js';
import type { Measures } from '../../training/report/report-parts.js';
import type { TrainingReport } from '../../training/report/training-report.js';
import { confusionSvg, MOST_NAMED } from '../confusion-svg.js';
import { escapeHtml, htmlTable, page } from '../html.js';
import { answeredHtml, groupsHtml, nameHtml } from './training-pictures.js';
import {
  candidateRows,
  choiceRows,
  classRows,
  curveRows,
  epochRows,
  measureRows,
  pairRows,
  type ReportTable,
  recordRows,
} from './training-rows.js';
import { TRAINING_STYLE } from './training-style.js';
import { accuracyBar, learningCurveSvg } from './training-svg.js';
import { unknownText } from './training-text.js';

/** The report of a training as a page that needs nothing else: pictures are in it, scripts are not. */
export function trainingHtml(report: TrainingReport): string {
  const { id, base, finished_at, cross_validation, val, warnings, learning_curve, wrong, suspicious, tail } = report;
  const body = [
    `<main>\n<h1>${nameHtml(id)}</h1>`,
    `<p class="of">Trained on ${nameHtml(base.model)} (${escapeHtml(base.variant)}), ${escapeHtml(finished_at)}</p>`,
    headline('In cross-validation', cross_validation),
    val ? headline('On val', val) : '',
    warnings.length > 0
      ? section(
          'Before you use it',
          `<ul class="warnings">${warnings.map((text) => `<li>${escapeHtml(text)}</li>`).join('\n')}</ul>`,
        )
      : '',
    section('How good it is', rowsHtml(measureRows(report))),
    section('Classes', rowsHtml(classRows(report))),
    section(
      'What is confused',
      confusionHtml(report, cross_validation),
      val && `<h3>On val</h3>${confusionHtml(report, val)}`,
    ),
    section(
      'Would more pictures help?',
      `<p>${escapeHtml(learning_curve.says)}</p>`,
      learningCurveSvg(report),
      learning_curve.points.length > 0 && rowsHtml(curveRows(report)),
    ),
    suspicious.count > 0
      ? section(
          'Labels that look wrong',
          `<p>${counted(suspicious)} A network that had not seen the picture finds the given label improbable. Look at each; move the file if the label is wrong.</p>`,
          answeredHtml(suspicious.listed, 'looks like'),
        )
      : '',
    wrong.count > 0
      ? section(
          'Pictures answered wrongly',
          `<p>${counted(wrong)} The surest first.</p>`,
          answeredHtml(wrong.listed, 'answered'),
        )
      : '',
    nearDuplicates(report),
    leftOut(report),
    section('A picture of none of the classes', `<p>${escapeHtml(unknownText(report))}</p>`),
    section(
      'What was trained',
      factsHtml(choiceRows(report)),
      details('What was tried', rowsHtml(candidateRows(report))),
      tail && tail.epochs.length > 0 && details('Epochs of the tail', rowsHtml(epochRows(tail))),
    ),
    section('For the record', factsHtml(recordRows(report))),
    '</main>',
  ];
  return page(`${id} - training`, body.filter(Boolean).join('\n'), TRAINING_STYLE);
}

function headline(where: string, { accuracy, base_rate, images }: Measures): string {
  const interval = `95 % interval ${asPercent(accuracy.low)} to ${asPercent(accuracy.high)}`;
  return (
    `<p><strong>${where} ${asPercent(accuracy.value)}</strong> of ${images.toLocaleString('en')} pictures were answered ` +
    `rightly (${interval}). Always answering ${nameHtml(base_rate.label)} would reach ${asPercent(base_rate.value)} ` +
    `(dashed).</p>${accuracyBar(accuracy, base_rate.value)}`
  );
}

function section(title: string, ...parts: (string | false | null)[]): string {
  return `<section>\n<h2>${title}</h2>\n${parts.filter(Boolean).join('\n')}\n</section>`;
}

function details(title: string, content: string): string {
  return `<details><summary>${title}</summary>${content}</details>`;
}

function rowsHtml({ header, rows, right, note }: ReportTable): string {
  const cells = rows.map((row) => row.map((cell, i) => (right.includes(i) ? escapeHtml(cell) : nameHtml(cell))));
  return `${note ? `<p>${escapeHtml(note)}</p>` : ''}${htmlTable(header, cells, right)}`;
}

function factsHtml(rows: readonly string[][]): string {
  const entries = rows.map(([name = '', value = '']) => `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd>`);
  return `<dl>${entries.join('\n')}</dl>`;
}

function counted({ count, listed }: { count: number; listed: readonly unknown[] }): string {
  return count > listed.length ? `The first ${listed.length} of ${count.toLocaleString('en')}.` : `${count} in all.`;
}

/** The matrix where its names are readable; the pairs in any case. */
function confusionHtml(report: TrainingReport, measures: Measures): string {
  const pairs = pairRows(report, measures);
  if (pairs.rows.length === 0) return '<p>Nothing: every picture was answered rightly.</p>';
  if (report.data.classes.length > MOST_NAMED) return rowsHtml(pairs);
  const classes = measures.classes.map(({ images }, index) => ({
    index,
    label: report.data.classes[index]?.label ?? '',
    images,
  }));
  const { id } = report;
  return `<div class="wide">${confusionSvg({ id, classes, confusion: measures.confusion })}</div>${rowsHtml(pairs)}`;
}

function nearDuplicates({ data }: TrainingReport): string {
  const { images, groups, similarity } = data.near_duplicates;
  if (groups.count === 0) return '';
  const what =
    `${images.toLocaleString('en')} pictures whose features have a cosine of ${similarity} or more with another's. ` +
    `Cross-validation never divides a group. Groups: ${counted(groups)}`;
  return section('Pictures that nearly equal others', `<p>${what}</p>`, groupsHtml(groups.listed));
}

function leftOut({ data }: TrainingReport): string {
  const { skipped, duplicates, conflicts } = data;
  const files = (list: { count: number; listed: readonly unknown[] }, header: string[], rows: string[][]) =>
    list.count > 0 && `<p>${counted(list)}</p>${rowsHtml({ header, rows, right: [] })}`;
  const parts = [
    files(
      skipped,
      ['Skipped file', 'Why'],
      skipped.listed.map(({ file, reason }) => [file, reason]),
    ),
    files(
      duplicates,
      ['Duplicate', 'The same as'],
      duplicates.listed.map(({ file, same_as }) => [file, same_as]),
    ),
    conflicts.count > 0 &&
      `<h3>The same picture in several classes</h3><p>${counted(conflicts)}</p>${groupsHtml(conflicts.listed)}`,
  ];
  return parts.some(Boolean) ? section('Left out', ...parts) : '';
}
