import { at } from '../core/at.js';
import { invalidData } from '../datasets/labelled-picture.js';
import { isUnbalanced } from './examine/class-balance.js';
import { stratifiedFolds } from './examine/stratified-folds.js';
import { applyHead } from './head/apply-head.js';
import { type HeadResult, L2_STRENGTHS } from './head/head-task.js';
import type { TrainingPicture, TrainingSet } from './pictures/training-set.js';
import type { FeatureTable } from './read-features.js';
import type { TrainingFindings } from './report/build-report.js';
import type { StepTimes } from './step-times.js';
import type { Trainer } from './trainer.js';
import type { TransferRequest } from './transfer-request.js';

/** Folds of the cross-validation. */
const FOLDS = 5;

/** A head, and what it was learned from. */
export interface Learned {
  findings: TrainingFindings;
  /** Fold of each picture. */
  folds: Int32Array;
  /** Features of known pictures, rows of length 1. */
  known: Float32Array;
  /** The picture that the head is surest of. */
  golden: TrainingPicture;
  /** Whether the head was trained on distorted views as well, and why; undefined if they were not asked for. */
  views: { used: boolean; why: string } | undefined;
}

/**
 * Learns a head from the features of pictures.
 * @param train features of the pictures to learn from; @param val of those that only measure; @param drawn of distorted views
 * @throws MenagerieError `invalid_data` if a class has no picture that could be read; what the trainer throws
 */
export async function learnHead(
  { hidden, seed }: Pick<TransferRequest, 'hidden' | 'seed'>,
  set: TrainingSet,
  { train, val, drawn }: { train: FeatureTable; val: FeatureTable; drawn: readonly Float32Array[] },
  trainer: Trainer,
  times: StepTimes,
  signal: AbortSignal,
): Promise<Learned> {
  times.begin('head');
  const { size, features } = train;
  const labels = Int32Array.from(train.pictures, (picture) => picture.class);
  assertAllClasses(set.classes, labels);
  const share = (from: number, to: number) => (done: number) =>
    times.progress(Math.round(100 * (from + done * (to - from))), 100);
  const all = new Float32Array(features.length + val.features.length);
  all.set(features);
  all.set(val.features, features.length);
  const near = await trainer.nearDuplicates({ features: all, size, seed }, share(0, 0.1), signal);
  const folds = stratifiedFolds(labels, near.groups.subarray(0, labels.length), FOLDS, seed);
  const weighted = isUnbalanced(labels);
  const task = {
    features,
    size,
    views: 1,
    labels,
    classes: set.classes.length,
    folds,
    weighted,
    l2: L2_STRENGTHS,
    hidden,
    seed,
  };
  const isDrawn = drawn.length > 0;
  const plain = await trainer.head(task, share(0.1, isDrawn ? 0.4 : 0.9), signal);
  const more = isDrawn && { ...task, features: interleaved([features, ...drawn], size), views: 1 + drawn.length };
  const distorted = more ? await trainer.head(more, share(0.4, 0.9), signal) : undefined;
  const { head, views } = better(plain, distorted);
  const unknown = await trainer.unknownScore({ features, size, folds, seed }, share(0.9, 1), signal);
  return {
    findings: {
      set,
      train: train.pictures,
      val: val.pictures,
      failed: [...train.failed, ...val.failed],
      groups: near.groups,
      similarity: near.threshold,
      head,
      weighted,
      folds: new Set(folds).size,
      valProbabilities: await applyHead(head.head, val.features, size),
      unknown: { above: unknown.above, known: unknown.known.length / size, heldOutShare: unknown.heldOutShare },
    },
    folds,
    known: unknown.known,
    golden: surest(train.pictures, labels, head.heldOut),
    views,
  };
}

/** The rows of several tables with equal pictures, those of a picture one after the other. */
function interleaved(tables: readonly Float32Array[], size: number): Float32Array {
  const all = new Float32Array(tables.reduce((sum, { length }) => sum + length, 0));
  for (const [view, table] of tables.entries()) {
    for (let picture = 0; picture * size < table.length; picture++) {
      all.set(table.subarray(picture * size, (picture + 1) * size), (picture * tables.length + view) * size);
    }
  }
  return all;
}

/** The head with the lower cross-validated log-loss, on plain views. */
function better(plain: HeadResult, distorted: HeadResult | undefined): { head: HeadResult; views: Learned['views'] } {
  if (!distorted) return { head: plain, views: undefined };
  const lossOf = ({ candidates }: HeadResult) => Math.min(...candidates.map(({ logLoss }) => logLoss));
  const [without, withThem] = [lossOf(plain), lossOf(distorted)];
  const used = withThem < without;
  const losses = `the cross-validated log-loss is ${withThem.toFixed(3)} with them and ${without.toFixed(3)} without`;
  const why = `Distorted views of the pictures ${used ? 'help' : 'do not help'}: ${losses}.`;
  return { head: used ? distorted : plain, views: { used, why } };
}

/** @throws MenagerieError `invalid_data` */
function assertAllClasses(classes: readonly string[], labels: Int32Array): void {
  const present = new Set(labels);
  const lost = classes.find((_, index) => !present.has(index));
  if (lost !== undefined) throw invalidData(`No picture of the class "${lost}" can be read.`);
}

/** The picture whose class is the most probable. */
export function surest(
  pictures: readonly TrainingPicture[],
  labels: Int32Array,
  probabilities: Float32Array,
): TrainingPicture {
  const classes = probabilities.length / labels.length;
  let best = 0;
  const ofLabel = (i: number) => at(probabilities, i * classes + at(labels, i));
  for (let i = 1; i < labels.length; i++) if (ofLabel(i) > ofLabel(best)) best = i;
  const picture = pictures[best];
  if (!picture) throw new Error('there are no pictures');
  return picture;
}
