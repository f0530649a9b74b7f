import { at, missing } from '../at.js';

/** The levels of groups that scores can be summed over, the finest first. docs/labels.md says how they are made. */
export const GROUP_LEVELS = ['basic', 'broad'] as const;
export type GroupLevel = (typeof GROUP_LEVELS)[number];

/**
 * Sums the scores of the classes of each group, in double precision.
 * @param groupOf the group of each class; every class is in exactly one
 * @param groups number of groups
 * @returns one sum per group, at most 1; the sums of probabilities sum to 1
 */
export function sumByGroup(
  scores: Float32Array,
  groupOf: readonly number[],
  groups: number,
): Float32Array<ArrayBuffer> {
  if (scores.length !== groupOf.length) throw new Error(`${scores.length} scores, but ${groupOf.length} classes`);
  const sums = new Float64Array(groups);
  for (let i = 0; i < scores.length; i++) {
    const group = at(groupOf, i);
    sums[group] = (sums[group] ?? missing(group)) + (scores[i] ?? missing(i));
  }
  // Scores that a network rounded itself may sum to a little more.
  return Float32Array.from(sums, (sum) => Math.min(1, sum));
}
