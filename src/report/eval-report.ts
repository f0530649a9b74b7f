import type { EvaluationResult } from '../core/scores/evaluation.js';
import { wilson } from '../core/scores/wilson.js';
import type { Label } from '../zoo/labels.js';
import { table } from './format.js';

/** The results of an evaluation. */
export interface EvalReport {
  /** Id of the model or ensemble. */
  id: string;
  /** The networks that were evaluated: one, or the members of the ensemble. */
  networks: { id: string; variant: string; provider: string; version: string }[];
  /** Most views of a picture. */
  views: number;
  dataset: { path: string; form: string };
  images: number;
  /** 0..1 */
  top1: number;
  /** 95 % confidence interval of top1 (Wilson), 0..1. */
  top1_interval: [number, number];
  top5: number;
  mean_loss: number;
  /** Expected calibration error over 15 bins, 0..1. */
  calibration_error: number;
  /** Elapsed time divided by the number of pictures, with all workers busy. */
  ms_per_image: number;
  /** Time that a worker spends in the networks. */
  inference_ms_per_image: number;
  workers: number;
  classes: { index: number; label: string; images: number; top1: number; top5: number }[];
  confusion: EvaluationResult['confusion'];
  failed: { file: string; code: string; detail: string }[];
}

/** Makes a report of a result. */
export function evalReport(
  { images, top1, top5, meanLoss, calibrationError, classes, confusion }: EvaluationResult,
  labels: readonly Pick<Label, 'name'>[],
  facts: Pick<
    EvalReport,
    'id' | 'networks' | 'views' | 'dataset' | 'ms_per_image' | 'inference_ms_per_image' | 'workers' | 'failed'
  >,
): EvalReport {
  return {
    ...facts,
    images,
    top1,
    top1_interval: wilson(top1, images),
    top5,
    mean_loss: meanLoss,
    calibration_error: calibrationError,
    classes: classes.map(({ index, ...counts }) => ({ index, label: labels[index]?.name ?? '', ...counts })),
    confusion,
  };
}

/** Most classes that are listed; if there are more, the worst ones are. */
const LISTED = 40;

/** A report for a terminal. */
export function evalText(report: EvalReport): string {
  const { id, networks, views, dataset, images, workers } = report;
  const variants = [...new Set(networks.map(({ variant, provider }) => `${variant} on ${provider}`))].join(', ');
  const perPicture = views === 1 ? 'one view each' : `up to ${views} views each`;
  const [low, high] = report.top1_interval;
  return [
    `${id} (${variants}): ${images.toLocaleString('en')} pictures of ${dataset.path} (${dataset.form}), ${perPicture}\n\n`,
    table(
      [
        ['Top-1', asPercent(report.top1), `95 % confidence interval ${asPercent(low)} to ${asPercent(high)}`],
        ['Top-5', asPercent(report.top5), ''],
        ['Mean loss', report.mean_loss.toFixed(4), 'minus the logarithm of the true class’s probability'],
        ['Calibration error', asPercent(report.calibration_error), 'expected, over 15 bins'],
        ['Time', `${report.ms_per_image.toFixed(2)} ms`, `per picture, with ${workers} at a time`],
        ['In the network', `${report.inference_ms_per_image.toFixed(2)} ms`, 'of a worker per picture'],
      ],
      [1],
    ),
    '\n',
    classTable(report),
    ...(report.failed.length > 0 ? [`\n${report.failed.length} pictures could not be classified.\n`] : []),
  ].join('');
}

function classTable({ classes, confusion }: EvalReport): string {
  const worst = [...classes].sort((a, b) => a.top1 / a.images - b.top1 / b.images || a.index - b.index);
  const listed = classes.length <= LISTED ? classes : worst.slice(0, LISTED);
  const names = new Map(classes.map(({ index, label }) => [index, label]));
  const rows = listed.map(({ index, label, images, top1, top5 }) => {
    const wrong = confusion.filter((cell) => cell.label === index && cell.answer !== index);
    const [most] = wrong.sort((a, b) => b.images - a.images);
    const confusedWith = most ? `${names.get(most.answer) ?? `class ${most.answer}`} (${most.images})` : '';
    return [label, images.toLocaleString('en'), asPercent(top1 / images), asPercent(top5 / images), confusedWith];
  });
  const title = listed.length < classes.length ? `The ${listed.length} worst of ${classes.length} classes:\n` : '';
  return title + table([['CLASS', 'PICTURES', 'TOP-1', 'TOP-5', 'MOST OFTEN CONFUSED WITH'], ...rows], [1, 2, 3]);
}

/** Reports on the same pictures, side by side. */
export function evalCompareText(reports: readonly EvalReport[]): string {
  const [first] = reports;
  if (!first) return '';
  const rows = reports.map((report) => [
    report.id,
    [...new Set(report.networks.map(({ variant }) => variant))].join(', '),
    asPercent(report.top1),
    asPercent(report.top5),
    report.mean_loss.toFixed(4),
    asPercent(report.calibration_error),
    report.ms_per_image.toFixed(2),
  ]);
  const { images, dataset, workers } = first;
  return [
    `${images.toLocaleString('en')} pictures of ${dataset.path} (${dataset.form}), ${workers} at a time\n\n`,
    table([['MODEL', 'VARIANT', 'TOP-1', 'TOP-5', 'MEAN LOSS', 'CALIBRATION ERROR', 'MS'], ...rows], [2, 3, 4, 5, 6]),
  ].join('');
}

function asPercent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}
