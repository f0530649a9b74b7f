import { exponentiate, softmax } from './activation.js';
import type { Combine } from './ensemble.js';
import { topK } from './top-k.js';

// Several answers about one picture made into one: of one network to several views, and of several networks.

/** Whether softmax is still to be applied to scores, or has been. */
export type ScoreKind = 'logits' | 'probabilities';

/** What one network answers about one picture over all views of it. */
export interface MemberAnswer {
  /** One per class; they sum to 1. */
  probabilities: Float32Array;
  /** Mean over the views, one per class, up to a constant. */
  logits: Float64Array;
}

/** What several networks answer about one picture together. */
export interface Combined {
  /** One per class; they sum to 1. */
  scores: Float32Array;
  /** Ranks classes of equal score, for `topK`; after a vote only. */
  tieBreak?: Float32Array;
}

/**
 * The least probability whose logarithm is taken: the smallest normal float32, 2^-126. Below it a softmax in float32 has
 * lost its digits, and at 0 one network, or one view, would rule a class out for good. Its logarithm is -87.3.
 */
export const LEAST_PROBABILITY = 2 ** -126;

/**
 * One network's class probabilities of one picture from its answers to several views.
 * @param scores one row of `classes` scores per view, as the network gave them
 * @param weights how often each row counts; any positive numbers, only their ratios matter
 * @param kind what the scores are
 * @param average `probabilities`: the weighted mean of the rows' probabilities. `logits`: softmax of the weighted mean of
 *   their logits, which for scores that are probabilities are the logarithms, of 2^-126 at least (so that a 0 stays finite)
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

/** The same as `meanOverViews`, with the mean logits, for what `combineMembers` takes. */
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
 * The answers of several networks made into one:
 * - `probabilities`: the weighted mean of their probabilities.
 * - `logits`: softmax of the weighted mean of their logits.
 * - `geometric`: the weighted geometric mean of their probabilities, divided by its sum; 0 counts as 2^-126.
 * - `vote`: each network votes with its weight for its most probable class (the first of equals). The score of a class is
 *   its share of the votes; classes of equal share are ranked by the weighted mean of probabilities.
 *
 * A network's logits are the logarithms of its softmax plus a constant, which a softmax takes away again. So `logits` is
 * `geometric` wherever each network's probabilities are the softmax of its (mean) logits: with one view, or with views
 * averaged as logits. Where the views' probabilities were averaged, `geometric` multiplies those means, and `logits` still
 * averages the logits of all views.
 *
 * @param weights one per member; any positive numbers, only their ratios matter
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

/** How far the members agree on a picture. */
export interface Agreement {
  /** How many members put the winner first. */
  votes: number;
  members: number;
  /** Bits: 0 where all say the same, at most the entropy of the weights, and so log2 of the members. */
  jensenShannon: number;
}

/**
 * @param members class probabilities, one array per member
 * @param weights one per member; any positive numbers, only their ratios matter
 * @param winner the class they answer with together
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
 * Shannon entropy, 1991, section V). Computed as the equal sum of w p log2(p / sum w p), which loses no digits where the
 * members nearly agree.
 */
function jensenShannon(members: readonly Float32Array[], weights: readonly number[]): number {
  const mean = weightedMean(members, weights);
  let sum = 0;
  members.forEach((member, m) => {
    let divergence = 0;
    for (let c = 0; c < mean.length; c++) {
      const p = member[c] as number;
      if (p > 0) divergence += p * Math.log2(p / (mean[c] as number));
    }
    sum += (weights[m] as number) * divergence;
  });
  // It is never negative but for rounding.
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

/** The weighted mean of arrays of one length. */
function weightedMean(rows: readonly (Float32Array | Float64Array)[], weights: readonly number[]): Float64Array {
  const mean = emptyMean(rows, weights);
  rows.forEach((row, r) => {
    addScaled(mean, row, weights[r] as number);
  });
  return dividedBy(mean, totalOf(weights));
}

/** The weighted mean of the softmax of each row. */
function meanSoftmax(rows: readonly Float32Array[], weights: readonly number[]): Float64Array {
  const mean = emptyMean(rows, weights);
  const exponentials = new Float64Array(mean.length);
  rows.forEach((row, r) => {
    const sum = exponentiate(row, exponentials);
    addScaled(mean, exponentials, (weights[r] as number) / sum);
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
  for (let c = 0; c < sum.length; c++) sum[c] = (sum[c] as number) + factor * (row[c] as number);
}

function dividedBy(values: Float64Array, divisor: number): Float64Array {
  for (let c = 0; c < values.length; c++) values[c] = (values[c] as number) / divisor;
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
  for (let c = 0; c < length; c++) logs[c] = Math.log(Math.max(probabilities[c] as number, LEAST_PROBABILITY));
  return logs;
}

/** The share of the votes that each class has. In float32, so that 0.1 + 0.2 ties with 0.3. */
function votes(members: readonly Float32Array[], weights: readonly number[]): Float32Array<ArrayBuffer> {
  const shares = new Float64Array(members[0]?.length ?? 0);
  members.forEach((member, m) => {
    const best = bestClass(member);
    shares[best] = (shares[best] as number) + (weights[m] as number);
  });
  return new Float32Array(dividedBy(shares, totalOf(weights)));
}

function bestClass(probabilities: Float32Array): number {
  return topK(probabilities, 1)[0]?.index ?? -1;
}
