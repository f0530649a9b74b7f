import { at } from '../../core/at.js';
import { createRandom } from '../../core/random.js';
import { wilson } from '../../core/scores/wilson.js';
import type { TakeStep } from '../protocol/steps.js';
import { type CrossValidated, fitFold } from './cross-validate.js';
import { foldsOf } from './folds.js';
import type { HeadTask, LearningCurvePoint } from './head-task.js';
import { accuracyOf, trainingRows } from './pictures.js';

/** Pictures of a class at the first points; each further point has twice as many. */
const FIRST_SIZES = [2, 5, 10];

/**
 * Accuracy by the number of pictures trained on: every picture is classified by heads that were trained on so many pictures of each
 * class in the other folds. The last point is the cross-validation itself.
 * @param onFit told after each fit, with the share done, 0..1
 */
export async function learningCurve(
  take: TakeStep,
  task: HeadTask,
  { best, heldOut }: Pick<CrossValidated, 'best' | 'heldOut'>,
  onFit: (share: number) => void,
): Promise<LearningCurvePoint[]> {
  const folds = foldsOf(task.folds).map((fold) => ({ fold, byClass: shuffledByClass(fold.others, task) }));
  const most = Math.max(...folds.flatMap(({ byClass }) => byClass.map(({ length }) => length)));
  const sizes = curveSizes(most);
  const curve: LearningCurvePoint[] = [];
  for (const [s, perClass] of sizes.entries()) {
    const probabilities = new Float32Array(heldOut.length);
    for (const [f, { fold, byClass }] of folds.entries()) {
      const pictures = Int32Array.from(byClass.flatMap((own) => own.slice(0, perClass)));
      const fit = { l2: best.l2, hidden: best.hidden, name: 'curve', warm: false };
      await fitFold(take, task, fit, fold, trainingRows(pictures, task), probabilities);
      onFit((s + (f + 1) / folds.length) / sizes.length);
    }
    curve.push(pointOf(perClass, probabilities, task));
  }
  return [...curve, pointOf(most, heldOut, task)];
}

function curveSizes(most: number): number[] {
  const sizes = [...FIRST_SIZES];
  for (let next = 2 * (FIRST_SIZES.at(-1) ?? 1); next < most; next *= 2) sizes.push(next);
  return sizes.filter((size) => size < most);
}

/** The pictures of each class that has any, in an order drawn by the seed. */
function shuffledByClass(pictures: Int32Array, { labels, seed }: HeadTask): number[][] {
  const random = createRandom(seed);
  const byClass = new Map<number, number[]>();
  for (const picture of pictures) {
    const own = byClass.get(at(labels, picture)) ?? [];
    byClass.set(at(labels, picture), own);
    // Each place is equally likely: the inside-out shuffle (Fisher and Yates; Knuth, "The Art of Computer Programming", 3.4.2).
    const place = random.integer(own.length + 1);
    own.push(picture);
    [own[place], own[own.length - 1]] = [picture, own[place] ?? picture];
  }
  return [...byClass.values()];
}

function pointOf(perClass: number, probabilities: Float32Array, { labels }: HeadTask): LearningCurvePoint {
  const accuracy = accuracyOf(labels, probabilities);
  const [low, high] = wilson(accuracy, labels.length);
  return { perClass, accuracy, low, high };
}
