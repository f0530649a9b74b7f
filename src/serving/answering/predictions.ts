import type { Combined } from '../../core/scores/averaging.js';
import { topK } from '../../core/scores/top-k.js';
import type { Label } from '../../zoo/labels.js';

/** One class and its score. */
export interface Prediction {
  index: number;
  label: string;
  /** Probability, 0..1; for a vote, the share of the votes. */
  score: number;
}

/** The top `k` classes with their labels, best first. */
export function predictionsOf({ scores, tieBreak }: Combined, k: number, labels: readonly Label[]): Prediction[] {
  return topK(scores, k, tieBreak).map(({ index, score }) => {
    const label = labels[index];
    if (!label) throw new Error(`class ${index} has no label`);
    return { index, label: label.name, score };
  });
}
