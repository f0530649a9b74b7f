import { missing } from '../../core/at.js';
import type { TakeStep } from '../protocol/steps.js';
import { type Fold, foldsOf } from './folds.js';
import type { HeadCandidate, HeadTask } from './head-task.js';
import { logLoss, plainRows, type TrainingRows, trainingRows } from './pictures.js';

/** The best choice by cross-validation. */
export interface CrossValidated {
  best: HeadCandidate;
  candidates: HeadCandidate[];
  /** Probabilities at the best choice: pictures x classes. */
  heldOut: Float32Array;
}

/** Weaker L2 is not tried any more after so many strengths in a row that were worse than the best: the loss has one valley. */
const PATIENCE = 2;

/** Of the gradient: a smaller one changes held-out losses by a thousandth, and takes three times as long. */
const TOLERANCE = 1e-4;

/**
 * Chooses L2, and the size of a hidden layer, by the loss on held-out folds. From strong to weak L2 each fit begins with the
 * weights of the last; with a hidden layer it begins anew, because strong L2 may have left nothing of its units.
 * @param onFit told after each fit, with the share of the choices that have been tried, 0..1
 */
export async function crossValidate(
  take: TakeStep,
  task: HeadTask,
  onFit: (share: number) => void,
): Promise<CrossValidated> {
  const folds = foldsOf(task.folds);
  const rows = folds.map(({ others }) => trainingRows(others, task));
  const strengths = [...new Set(task.l2)].sort((a, b) => b - a);
  const sizes = [...new Set([0, ...task.hidden])];
  const candidates: HeadCandidate[] = [];
  let found: Omit<CrossValidated, 'candidates'> | undefined;
  for (const [s, hidden] of sizes.entries()) {
    let least = Number.POSITIVE_INFINITY;
    let worse = 0;
    for (const [i, l2] of strengths.entries()) {
      const heldOut = new Float32Array(task.labels.length * task.classes);
      for (const [f, fold] of folds.entries()) {
        await fitFold(
          take,
          task,
          { l2, hidden, name: `fold ${f}`, warm: hidden === 0 },
          fold,
          rows[f] ?? missing(f),
          heldOut,
        );
        onFit((s + (i + (f + 1) / folds.length) / strengths.length) / sizes.length);
      }
      const candidate = { l2, hidden, logLoss: logLoss(task.labels, heldOut, task.weighted) };
      candidates.push(candidate);
      if (!found || candidate.logLoss < found.best.logLoss) found = { best: candidate, heldOut };
      worse = candidate.logLoss < least ? 0 : worse + 1;
      least = Math.min(least, candidate.logLoss);
      if (worse === PATIENCE) break;
    }
  }
  if (!found) throw new Error('nothing to choose from');
  return { ...found, candidates };
}

/** Fits on `rows` and writes the probabilities of the fold's own pictures where they belong in `heldOut` (pictures x classes). */
export async function fitFold(
  take: TakeStep,
  task: HeadTask,
  fit: { l2: number; hidden: number; name: string; warm: boolean },
  { own }: Fold,
  { rows, weights }: TrainingRows,
  heldOut: Float32Array,
): Promise<void> {
  const { classes, seed } = task;
  const { tensors } = await take({ kind: 'head/fit', ...fit, seed, tolerance: TOLERANCE }, [
    rows,
    weights,
    plainRows(own, task),
  ]);
  const probabilities = tensors[0]?.values;
  if (probabilities?.length !== own.length * classes)
    throw new Error('the trainer gave other probabilities than asked');
  for (const [i, picture] of own.entries()) {
    heldOut.set(probabilities.subarray(i * classes, (i + 1) * classes), picture * classes);
  }
}
