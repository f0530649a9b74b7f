import { at, missing } from '../at.js';
import { LEAST_PROBABILITY, meanOverViews, type ScoreKind } from './averaging.js';

// Scores of networks whose labels do not exclude each other: each label has a probability of its own.

/** The largest probability of a float32 sigmoid below 1. */
const MOST_PROBABILITY = 1 - 2 ** -24;

/** The logistic function, 1 / (1 + exp(-x)), in the form that does not overflow. */
function sigmoid(x: number): number {
  const e = Math.exp(-Math.abs(x));
  return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}

/** The inverse of the logistic function, for a bounded probability. */
function logit(p: number): number {
  const bounded = Math.min(Math.max(p, LEAST_PROBABILITY), MOST_PROBABILITY);
  return Math.log(bounded / (1 - bounded));
}

/**
 * One network's probabilities for one picture, averaged over several views, label by label.
 * @param scores the network's output: views x labels
 * @param weights one positive weight per view; only their ratios matter
 * @param kind what the scores are: before the sigmoid, or after it
 * @param average `probabilities`: the weighted mean of the probabilities. `logits`: the sigmoid of the weighted mean of the logits
 */
function meanPerLabel(
  scores: Float32Array,
  labels: number,
  weights: readonly number[],
  kind: ScoreKind,
  average: ScoreKind,
): Float32Array<ArrayBuffer> {
  if (scores.length !== labels * weights.length) {
    throw new Error(`${scores.length} scores are not ${weights.length} rows of ${labels}`);
  }
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const [into, from] =
    average === 'logits' ? [kind === 'logits' ? same : logit, sigmoid] : [kind === 'logits' ? sigmoid : same, same];
  const means = new Float32Array(labels);
  for (let label = 0; label < labels; label++) {
    let sum = 0;
    for (let row = 0; row < weights.length; row++) {
      sum += at(weights, row) * into(scores[row * labels + label] ?? missing(label));
    }
    means[label] = from(sum / total);
  }
  return means;
}

function same(x: number): number {
  return x;
}

/** How the views of a network are averaged. @param multiLabel whether its labels do not exclude each other */
export function viewMean(multiLabel: boolean | undefined): typeof meanOverViews {
  return multiLabel ? meanPerLabel : meanOverViews;
}
