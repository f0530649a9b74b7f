import { at, missing } from '../at.js';
import { exponentiate, softmax } from './activation.js';
import type { Combine } from './combine.js';
import { topK } from './top-k.js';

// Averages several answers about one picture: of one network to several views, or of several networks.

/** The scores before or after softmax. */
export type ScoreKind = 'logits' | 'probabilities';

/** The answer of one network about one picture, averaged over its views. */
export interface MemberAnswer {
  /** One per class; they sum to 1. */
  probabilities: Float32Array;
  /** Mean over the views, one per class, up to an additive constant. */
  logits: Float64Array;
}

/** The combined answer of several networks about one picture. */
export interface Combined {
  /** One per class; they sum to 1. */
  scores: Float32Array;
  /** Ranks classes of equal score, for `topK`; only for votes. */
  tieBreak?: Float32Array;
}

/**
 * Lower bound of probabilities before taking their logarithm: the smallest normal float32. Below it a float32 softmax has lost
 * precision, and a probability of 0 in one network or view would exclude the class altogether. Its logarithm is -87.3.
 */
export const LEAST_PROBABILITY = 2 ** -126;

/**
 * One network's class probabilities for one picture, averaged over several views.
 * @param scores the network's output: views x classes
 * @param weights one positive weight per view; only their ratios matter
 * @param kind what the scores are
 * @param average `probabilities`: the weighted mean of the views' probabilities. `logits`: softmax of the weighted mean of
 *   their logits; if the scores are probabilities, their logarithms are used, with a lower bound of 2^-126
 */
export function meanOverViews(
  scores: Float32Array,
  classes: number,
  weights: readonly number[],
  kind: ScoreKind,
  average: ScoreKind,
): Float32Array<ArrayBuffer> {
  if (average === 'logits') return softmax(meanLogits(scores, classes, weights, kind));
  const rows = rowsOf(scores, classes, weights);
  return new Float32Array(kind === 'logits' ? meanSoftmax(rows, weights) : weightedMean(rows, weights));
}

/**
 * The weighted mean of rows of values, such as the features of several views.
 * @param values rows x size
 * @param weights one positive weight per row; only their ratios matter
 */
export function meanOfRows(values: Float32Array, size: number, weights: readonly number[]): Float32Array<ArrayBuffer> {
  return new Float32Array(weightedMean(rowsOf(values, size, weights), weights));
}

/** Like `meanOverViews`, but with the mean logits, as `combineMembers` requires. */
export function memberAnswer(
  scores: Float32Array,
  classes: number,
  weights: readonly number[],
  kind: ScoreKind,
  average: ScoreKind,
): MemberAnswer {
  const logits = meanLogits(scores, classes, weights, kind);
  const probabilities = average === 'logits' ? softmax(logits) : meanOverViews(scores, classes, weights, kind, average);
  return { probabilities, logits };
}

/**
 * Combines the answers of several networks:
 * - `probabilities`: the weighted mean of their probabilities.
 * - `logits`: softmax of the weighted mean of their logits.
 * - `geometric`: the weighted geometric mean of their probabilities, normalised to sum to 1; 0 counts as 2^-126.
 * - `vote`: each network votes with its weight for its most probable class (the first of equals). The score of a class is
 *   its share of the votes; classes of equal share are ranked by the weighted mean of probabilities.
 *
 * A network's logits are the logarithms of its probabilities plus a constant, which softmax cancels. So `logits` equals
 * `geometric` if each network's probabilities are the softmax of its (mean) logits: with one view, or with views averaged as
 * logits. If the views' probabilities were averaged, `geometric` multiplies those means, while `logits` still averages the
 * logits of all views.
 *
 * @param weights one positive weight per member; only their ratios matter
 */
export function combineMembers(members: readonly MemberAnswer[], weights: readonly number[], rule: Combine): Combined {
  const probabilities = members.map((member) => member.probabilities);
  switch (rule) {
    case 'probabilities':
      return { scores: new Float32Array(weightedMean(probabilities, weights)) };
    case 'logits':
      return {
        scores: softmax(
          weightedMean(
            members.map(({ logits }) => logits),
            weights,
          ),
        ),
      };
    case 'geometric':
      return { scores: softmax(weightedMean(probabilities.map(logarithms), weights)) };
    case 'vote':
      return {
        scores: votes(probabilities, weights),
        tieBreak: new Float32Array(weightedMean(probabilities, weights)),
      };
  }
}

/** How much the members agree on a picture. */
export interface Agreement {
  /** Number of members whose best class is the winner. */
  votes: number;
  members: number;
  /** In bits: 0 if all agree; at most the entropy of the weights, and thus log2 of the number of members. */
  jensenShannon: number;
}

/**
 * @param members class probabilities, one array per member
 * @param weights one positive weight per member; only their ratios matter
 * @param winner the best class of the combined answer
 */
export function agreement(members: readonly Float32Array[], weights: readonly number[], winner: number): Agreement {
  return {
    votes: members.filter((probabilities) => bestClass(probabilities) === winner).length,
    members: members.length,
    jensenShannon: jensenShannon(members, weights),
  };
}

/**
 * The generalised Jensen-Shannon divergence in bits: H(sum w p) - sum w H(p) (J. Lin, Divergence measures based on the
 * Shannon entropy, 1991, section V). Computed as the sum of w p log2(p / sum w p), which is equal, and accurate even if the
 * members nearly agree.
 */
function jensenShannon(members: readonly Float32Array[], weights: readonly number[]): number {
  const mean = weightedMean(members, weights);
  let sum = 0;
  members.forEach((member, m) => {
    let divergence = 0;
    for (let c = 0; c < mean.length; c++) {
      const p = member[c] ?? missing(c);
      if (p > 0) divergence += p * Math.log2(p / (mean[c] ?? missing(c)));
    }
    sum += at(weights, m) * divergence;
  });
  // Only rounding can make it negative.
  return Math.max(0, sum / totalOf(weights));
}

function meanLogits(scores: Float32Array, classes: number, weights: readonly number[], kind: ScoreKind): Float64Array {
  const rows = rowsOf(scores, classes, weights);
  return weightedMean(kind === 'logits' ? rows : rows.map(logarithms), weights);
}

function rowsOf(scores: Float32Array, classes: number, weights: readonly number[]): Float32Array[] {
  if (scores.length !== classes * weights.length) {
    throw new Error(`${scores.length} scores are not ${weights.length} rows of ${classes}`);
  }
  return weights.map((_, row) => scores.subarray(row * classes, (row + 1) * classes));
}

/** The weighted mean of arrays of equal length. */
function weightedMean(rows: readonly (Float32Array | Float64Array)[], weights: readonly number[]): Float64Array {
  const mean = emptyMean(rows, weights);
  rows.forEach((row, r) => {
    addScaled(mean, row, at(weights, r));
  });
  return dividedBy(mean, totalOf(weights));
}

/** The weighted mean of the softmax of each row. */
function meanSoftmax(rows: readonly Float32Array[], weights: readonly number[]): Float64Array {
  const mean = emptyMean(rows, weights);
  const exponentials = new Float64Array(mean.length);
  rows.forEach((row, r) => {
    const sum = exponentiate(row, exponentials);
    addScaled(mean, exponentials, at(weights, r) / sum);
  });
  return dividedBy(mean, totalOf(weights));
}

function emptyMean(rows: readonly { length: number }[], weights: readonly number[]): Float64Array {
  if (rows.length !== weights.length) throw new Error(`${rows.length} answers, ${weights.length} weights`);
  const length = rows[0]?.length ?? 0;
  if (rows.some((row) => row.length !== length)) throw new Error('the answers are of different lengths');
  return new Float64Array(length);
}

function addScaled(sum: Float64Array, row: Float32Array | Float64Array, factor: number): void {
  for (let c = 0; c < sum.length; c++) sum[c] = (sum[c] ?? missing(c)) + factor * (row[c] ?? missing(c));
}

function dividedBy(values: Float64Array, divisor: number): Float64Array {
  for (let c = 0; c < values.length; c++) values[c] = (values[c] ?? missing(c)) / divisor;
  return values;
}

function totalOf(weights: readonly number[]): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (!(total > 0 && total < Number.POSITIVE_INFINITY)) throw new Error(`weights sum to ${total}`);
  return total;
}

function logarithms(probabilities: Float32Array): Float64Array {
  const { length } = probabilities;
  const logs = new Float64Array(length);
  for (let c = 0; c < length; c++) logs[c] = Math.log(Math.max(probabilities[c] ?? missing(c), LEAST_PROBABILITY));
  return logs;
}

/** Each class's share of the votes, in float32, so that 0.1 + 0.2 ties with 0.3. */
function votes(members: readonly Float32Array[], weights: readonly number[]): Float32Array<ArrayBuffer> {
  const shares = new Float64Array(members[0]?.length ?? 0);
  members.forEach((member, m) => {
    const best = bestClass(member);
    shares[best] = at(shares, best) + at(weights, m);
  });
  return new Float32Array(dividedBy(shares, totalOf(weights)));
}

function bestClass(probabilities: Float32Array): number {
  return topK(probabilities, 1)[0]?.index ?? -1;
}
