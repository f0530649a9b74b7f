import { asPercent } from '../../core/units.js';
import { UNBALANCED } from '../examine/class-balance.js';
import type { Measures } from './report-parts.js';
import type { TrainingReport } from './training-report.js';

/** Below this many pictures of a class its recall says little, and most classes of a curve still rise. */
const FEW = 20;
/** From this share on, one class makes the accuracy look good whatever is learned. */
const DOMINATES = 0.8;
/** An interval wider than this tells little. */
const WIDE = 0.15;
/** Probabilities that are further off on average mislead whoever sets a threshold. */
const OFF = 0.1;
/** From this share on, labels are worth an hour of work before anything else. */
const SUSPICIOUS = 0.03;
/** Classes that a warning names. */
const NAMED = 3;

/** What a person should know before using the network, in plain words; the gravest first. */
export function trainingWarnings(report: Omit<TrainingReport, 'warnings'>): string[] {
  return [
    ...accuracyWarnings(report.cross_validation),
    ...valWarnings(report),
    ...classWarnings(report),
    ...pictureWarnings(report),
  ];
}

function accuracyWarnings({ accuracy, base_rate, images, calibration_error }: Measures): string[] {
  const warnings: string[] = [];
  const always = `Always answering "${base_rate.label}" would be right for ${asPercent(base_rate.value)}`;
  if (accuracy.low <= base_rate.value) {
    warnings.push(
      `The network is not surely better than a constant answer. ${always}; the network is right for ` +
        `${asPercent(accuracy.value)} (${asPercent(accuracy.low)} to ${asPercent(accuracy.high)}). Do not use it yet.`,
    );
  } else if (base_rate.value >= DOMINATES) {
    warnings.push(`One class dominates. ${always}. Look at the balanced accuracy and at the recall of each class.`);
  }
  if (accuracy.high - accuracy.low > WIDE) {
    warnings.push(
      `Only ${pictures(images)} could be tested, so the accuracy may be anything from ${asPercent(accuracy.low)} to ` +
        `${asPercent(accuracy.high)}.`,
    );
  }
  if (calibration_error > OFF) {
    warnings.push(
      `Probabilities are off by ${asPercent(calibration_error)} on average: an answer of 0.9 is not right nine times in ten.`,
    );
  }
  return warnings;
}

function valWarnings({ val, cross_validation, data }: Omit<TrainingReport, 'warnings'>): string[] {
  if (!val) return [];
  const warnings: string[] = [];
  const [here, there] = [cross_validation.accuracy, val.accuracy];
  if (val.images > 0 && there.high < here.low) {
    warnings.push(
      `The pictures of val are answered worse (${asPercent(there.value)}) than those trained on promise ` +
        `(${asPercent(here.value)}): they are of another kind. Train on pictures like them.`,
    );
  }
  if (data.near_duplicates.across_splits > 0) {
    warnings.push(
      `Near-duplicates across train and val: ${pictures(data.near_duplicates.across_splits)} of val. The figures of ` +
        'val are too good.',
    );
  }
  const untested = data.classes.filter((one) => one.val === 0);
  if (untested.length > 0) warnings.push(`val has no picture of ${named(untested.map(({ label }) => `"${label}"`))}.`);
  return warnings;
}

function classWarnings({ data, head, cross_validation }: Omit<TrainingReport, 'warnings'>): string[] {
  const warnings: string[] = [];
  const sorted = [...data.classes].sort((a, b) => a.train - b.train);
  const [smallest, largest] = [sorted[0], sorted.at(-1)];
  const few = sorted.filter(({ train }) => train < FEW);
  if (few.length > 0) {
    const list = named(few.map(({ label, train }) => `"${label}" (${train})`));
    warnings.push(`Few pictures: ${list}. With ${FEW} or more of each class the figures become reliable.`);
  }
  if (smallest && largest && largest.train >= UNBALANCED * smallest.train) {
    warnings.push(
      `Unbalanced: "${largest.label}" has ${largest.train} pictures, "${smallest.label}" ${smallest.train}. ` +
        (head.weighted ? 'All classes were given the same weight. ' : '') +
        'Look at the recall of each class.',
    );
  }
  const never = data.classes.filter((_one, i) => cross_validation.classes[i]?.recall?.value === 0);
  if (never.length > 0) warnings.push(`Never recognised: ${named(never.map(({ label }) => `"${label}"`))}.`);
  return warnings;
}

function pictureWarnings({ data, suspicious }: Omit<TrainingReport, 'warnings'>): string[] {
  const warnings: string[] = [];
  const all = data.train + (data.val ?? 0);
  if (suspicious.count >= SUSPICIOUS * data.train && suspicious.count > 1) {
    warnings.push(`The labels of ${pictures(suspicious.count)} look wrong. Correct them before you add more pictures.`);
  }
  if (data.conflicts.count > 0) {
    const what = data.conflicts.count === 1 ? 'picture stands' : 'pictures stand';
    warnings.push(`${data.conflicts.count} ${what} in more than one class. Left out: move each to where it belongs.`);
  }
  if (data.near_duplicates.images > data.train / 4) {
    warnings.push(
      `${data.near_duplicates.images} of ${all} pictures nearly equal another. There is less to learn from than their ` +
        'number says.',
    );
  }
  if (data.skipped.count > 0) {
    const what = data.skipped.count === 1 ? 'file was' : 'files were';
    warnings.push(`${data.skipped.count} ${what} skipped. The list of files says why.`);
  }
  return warnings;
}

/** What `unknown` in an answer means, in plain words. @param share of held-out pictures that it is said of */
export function unknownSays(share: number): string {
  return (
    'An answer carries "unknown": true when the picture is less like every picture of the training than nearly all ' +
    `held-out pictures were. Of pictures of these classes about ${asPercent(share)} are called unknown by mistake.`
  );
}

function named(names: readonly string[]): string {
  const rest = names.length - NAMED;
  return rest > 0 ? `${names.slice(0, NAMED).join(', ')} and ${rest} more` : names.join(', ');
}

function pictures(number: number): string {
  return number === 1 ? '1 picture' : `${number.toLocaleString('en')} pictures`;
}
