import { missing } from '../at.js';

/** How many pixels have the levels 0, 1 .. 255. */
export type Histogram = Uint32Array;

/** The bin of a level >= 0: the nearest whole number up to 255. */
export function binOf(level: number): number {
  // Faster than Math.round.
  return Math.min(255, (level + 0.5) | 0);
}

/** The histogram of levels >= 0. */
export function histogramOf(data: Float32Array): Histogram {
  const counts = new Uint32Array(256);
  for (let i = 0; i < data.length; i++) {
    const bin = binOf(data[i] ?? missing(i));
    counts[bin] = (counts[bin] ?? missing(bin)) + 1;
  }
  return counts;
}

/**
 * Only the levels at or above `level`.
 * @param above how many they are; counted from the bin of `level` on, if it starts there
 */
export function upperPart(counts: Histogram, level: number, above?: number): Histogram {
  const upper = new Uint32Array(256);
  const first = binOf(level);
  upper.set(counts.subarray(first), first);
  // The first bin may also hold levels below.
  if (above !== undefined) upper[first] = (upper[first] ?? missing(first)) + above - totalOf(upper);
  return upper;
}

/** The level at or below which a share `part` (0..1) of a histogram lies; 0 if it is empty. */
export function quantile(counts: Histogram, part: number): number {
  const wanted = totalOf(counts) * part;
  let seen = 0;
  for (let level = 0; level < counts.length; level++) {
    seen += counts[level] ?? missing(level);
    if (seen > 0 && seen >= wanted) return level;
  }
  return 0;
}

/** Otsu's threshold (1979): the level that splits a histogram into the two classes with the greatest variance between them. */
export function otsu(counts: Histogram): number {
  const total = totalOf(counts);
  let moment = 0;
  for (let level = 0; level < counts.length; level++) moment += (counts[level] ?? missing(level)) * level;
  let [best, threshold, below, momentBelow] = [0, 0, 0, 0];
  for (let level = 0; level < counts.length && below < total; level++) {
    const count = counts[level] ?? missing(level);
    if (count === 0) continue;
    below += count;
    momentBelow += count * level;
    if (below === total) break;
    const between = (moment * (below / total) - momentBelow) ** 2 / (below * (total - below));
    if (between > best) [best, threshold] = [between, level + 0.5];
  }
  return threshold;
}

/** Median of the levels below `limit`, and their standard deviation, estimated from the median distance to it. */
export function spreadBelow(counts: Histogram, limit: number): { middle: number; deviation: number } {
  const low = new Uint32Array(256);
  for (let level = 0; level < limit && level < low.length; level++) low[level] = counts[level] ?? missing(level);
  const middle = quantile(low, 0.5);
  const distances = new Uint32Array(256);
  for (let level = 0; level < low.length; level++) {
    const distance = Math.abs(level - middle);
    distances[distance] = (distances[distance] ?? missing(distance)) + (low[level] ?? missing(level));
  }
  return { middle, deviation: 1.4826 * quantile(distances, 0.5) };
}

function totalOf(counts: Histogram): number {
  let total = 0;
  for (let level = 0; level < counts.length; level++) total += counts[level] ?? missing(level);
  return total;
}
