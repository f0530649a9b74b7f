import type { Combined } from '../../core/scores/averaging.js';
import { topK } from '../../core/scores/top-k.js';
import type { LabelNames } from '../../zoo/labels.js';

/** Which predictions are listed. */
export interface Listing {
  /** Most predictions. */
  topK: number;
  /** Least score, 0..1. */
  minScore: number;
}

/** One class or group, and its score. */
export interface Prediction extends LabelNames {
  index: number;
  /** Probability, 0..1; for a vote, the share of the votes. */
  score: number;
}

/**
 * The predictions to list, best first.
 * @param labels the names of the classes or groups that the scores are of
 */
export function predictionsOf(
  { scores, tieBreak }: Combined,
  { topK: most, minScore }: Listing,
  labels: readonly LabelNames[],
): Prediction[] {
  const listed = topK(scores, most, tieBreak).filter(({ score }) => score >= minScore);
  return listed.map(({ index, score }) => {
    const label = labels[index];
    if (!label) throw new Error(`class ${index} has no label`);
    return { index, name: label.name, shortName: label.shortName, score };
  });
}
