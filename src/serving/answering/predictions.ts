import type { Combined } from '../../core/scores/averaging.js';
import { topK } from '../../core/scores/top-k.js';
import type { Label } from '../../zoo/labels.js';

/** One class and how probable it is. */
export interface Prediction {
  index: number;
  label: string;
  /** Probability, 0..1; after a vote, the share of the votes. */
  score: number;
}

/** The `k` best classes with their names. */
export function predictionsOf({ scores, tieBreak }: Combined, k: number, labels: readonly Label[]): Prediction[] {
  return topK(scores, k, tieBreak).map(({ index, score }) => ({ index, label: labels[index]?.name as string, score }));
}
