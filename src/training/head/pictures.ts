import { at } from '../../core/at.js';
import type { HeadTask } from './head-task.js';

/** The rows of some pictures, and what each counts in training. */
export interface TrainingRows {
  rows: Int32Array;
  weights: Float32Array;
}

/** All views of pictures. If the task weights its classes, each class that has pictures counts as much as any other. */
export function trainingRows(pictures: Int32Array, { labels, views, weighted }: HeadTask): TrainingRows {
  const counts = new Map<number, number>();
  for (const picture of pictures) counts.set(at(labels, picture), (counts.get(at(labels, picture)) ?? 0) + 1);
  const rows = new Int32Array(pictures.length * views);
  const weights = new Float32Array(rows.length);
  for (const [i, picture] of pictures.entries()) {
    const weight = weighted ? 1 / (counts.get(at(labels, picture)) ?? 1) : 1;
    for (let view = 0; view < views; view++) {
      rows[i * views + view] = picture * views + view;
      weights[i * views + view] = weight;
    }
  }
  return { rows, weights };
}

/** The plain view of each picture. */
export function plainRows(pictures: Int32Array, { views }: HeadTask): Int32Array {
  return pictures.map((picture) => picture * views);
}
