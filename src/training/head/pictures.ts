import { at } from '../../core/at.js';
import { LEAST_PROBABILITY } from '../../core/scores/averaging.js';
import type { HeadTask } from './head-task.js';

/** The rows of some pictures, and what each counts in training. */
export interface TrainingRows {
  rows: Int32Array;
  weights: Float32Array;
}

/** All views of pictures. */
export function trainingRows(
  pictures: Int32Array,
  { labels, views, weighted }: Pick<HeadTask, 'labels' | 'views' | 'weighted'>,
): TrainingRows {
  const counts = pictureWeights(
    pictures.map((picture) => at(labels, picture)),
    weighted,
  );
  const rows = new Int32Array(pictures.length * views);
  const weights = new Float32Array(rows.length);
  for (const [i, picture] of pictures.entries()) {
    for (let view = 0; view < views; view++) {
      rows[i * views + view] = picture * views + view;
      weights[i * views + view] = at(counts, i);
    }
  }
  return { rows, weights };
}

/** The plain view of each picture. */
export function plainRows(pictures: Int32Array, { views }: Pick<HeadTask, 'views'>): Int32Array {
  return pictures.map((picture) => picture * views);
}

/**
 * What each picture counts, 1 on average: 1, or so much that each class that has pictures counts as much as any other.
 * @param labels class of each picture
 */
export function pictureWeights(labels: Int32Array, weighted: boolean): Float32Array {
  const counts = new Map<number, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  const weight = (label: number) => labels.length / (counts.size * (counts.get(label) ?? 1));
  return Float32Array.from(labels, (label) => (weighted ? weight(label) : 1));
}

/**
 * The mean of -ln of the true class's probability, each picture counting as in training.
 * @param probabilities pictures x classes
 */
export function logLoss(labels: Int32Array, probabilities: Float32Array, weighted: boolean): number {
  const weights = pictureWeights(labels, weighted);
  const classes = probabilities.length / labels.length;
  let [sum, total] = [0, 0];
  for (const [picture, label] of labels.entries()) {
    const probability = Math.max(at(probabilities, picture * classes + label), LEAST_PROBABILITY);
    sum -= at(weights, picture) * Math.log(probability);
    total += at(weights, picture);
  }
  return sum / total;
}

/** The share of pictures whose most probable class is theirs. @param probabilities pictures x classes */
export function accuracyOf(labels: Int32Array, probabilities: Float32Array): number {
  const classes = probabilities.length / labels.length;
  let right = 0;
  for (const [picture, label] of labels.entries()) {
    const own = probabilities.subarray(picture * classes, (picture + 1) * classes);
    if (own.indexOf(Math.max(...own)) === label) right++;
  }
  return right / labels.length;
}
