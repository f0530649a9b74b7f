import { missing } from '../at.js';

/** A picture with one channel of floats, row by row. */
export interface Plane {
  data: Float32Array;
  width: number;
  height: number;
}

/** A rectangle of pixels; `x1` and `y1` are one past the last. */
export interface Bounds {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

/** Pixels of the longer side. */
export function longSide(box: Bounds): number {
  return Math.max(box.x1 - box.x0, box.y1 - box.y0);
}

/** Enlarges `box` so that it contains the given rectangle. */
export function grow(box: Bounds, x0: number, y0: number, x1: number, y1: number): void {
  box.x0 = Math.min(box.x0, x0);
  box.y0 = Math.min(box.y0, y0);
  box.x1 = Math.max(box.x1, x1);
  box.y1 = Math.max(box.y1, y1);
}

/** Linear interpolation: `a` at part 0, `b` at part 1. */
export function mix(a: number, b: number, part: number): number {
  return a + (b - a) * part;
}

/** The two of `coarse` cells between which cell `index` of `size` lies over the same length, and the share of the second. */
export function tap(index: number, size: number, coarse: number): { first: number; second: number; part: number } {
  const exact = Math.min(coarse - 1, Math.max(0, ((index + 0.5) * coarse) / size - 0.5));
  const first = Math.floor(exact);
  return { first, second: Math.min(coarse - 1, first + 1), part: exact - first };
}

/** Means over blocks of `factor` x `factor` pixels; the blocks at the right and lower edge may be smaller. */
export function shrink({ data, width, height }: Plane, factor: number): Plane {
  if (factor <= 1) return { data, width, height };
  const columns = Math.ceil(width / factor);
  const rows = Math.ceil(height / factor);
  const sums = new Float32Array(columns * rows);
  for (let y = 0, i = 0; y < height; y++) {
    const row = Math.floor(y / factor) * columns;
    for (let cell = row, x = 0; x < width; cell++) {
      let sum = sums[cell] ?? missing(cell);
      for (const end = Math.min(width, x + factor); x < end; x++) sum = Math.fround(sum + (data[i++] ?? missing(i)));
      sums[cell] = sum;
    }
  }
  for (let row = 0, cell = 0; row < rows; row++) {
    const high = Math.min(factor, height - row * factor);
    for (let column = 0; column < columns; column++, cell++) {
      sums[cell] = (sums[cell] ?? missing(cell)) / (high * Math.min(factor, width - column * factor));
    }
  }
  return { data: sums, width: columns, height: rows };
}

/** The minimum within a square of `radius` around each pixel. */
export function erode(plane: Plane, radius: number): Plane {
  const { width, height } = plane;
  const kept = new Int32Array(Math.max(width, height));
  const data = new Float32Array(plane.data.length);
  for (let y = 0; y < height; y++) slideWindow(plane.data, data, y * width, 1, width, radius, kept);
  const eroded = new Float32Array(data.length);
  for (let x = 0; x < width; x++) slideWindow(data, eroded, x, width, height, radius, kept);
  return { data: eroded, width, height };
}

/** The maximum within a square of `radius` around each pixel. */
export function dilate(plane: Plane, radius: number): Plane {
  return negated(erode(negated(plane), radius));
}

/** The plane with all levels negated. */
export function negated({ data, width, height }: Plane): Plane {
  const negative = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) negative[i] = -(data[i] ?? missing(i));
  return { data: negative, width, height };
}

/**
 * The sliding minimum along one line of `length` pixels, `step` apart. Of the pixels in the window only those are kept that can
 * still become the minimum: each is less than all after it (Lemire, Streaming Maximum-Minimum Filter, 2006).
 * @param kept scratch memory for `length` positions
 */
function slideWindow(
  from: Float32Array,
  to: Float32Array,
  start: number,
  step: number,
  length: number,
  radius: number,
  kept: Int32Array,
): void {
  // Casts, because checks take 15 % longer here.
  const level = (at: number) => from[start + at * step] as number;
  let [first, end] = [0, 0];
  for (let at = 0; at < length + radius; at++) {
    if (at < length) {
      while (end > first && level(at) <= level(kept[end - 1] as number)) end--;
      kept[end++] = at;
    }
    if ((kept[first] as number) < at - 2 * radius) first++;
    if (at >= radius) to[start + (at - radius) * step] = level(kept[first] as number);
  }
}

/** Marks all pixels within a square of `radius` around a marked pixel. */
export function spread(mask: Uint8Array, width: number, height: number, radius: number): Uint8Array {
  const pass = (from: Uint8Array, step: number, length: number): Uint8Array => {
    const to = new Uint8Array(from.length);
    for (let i = 0; i < from.length; i++) {
      if (!from[i]) continue;
      const at = Math.floor(i / step) % length;
      for (let k = Math.max(-radius, -at); k <= Math.min(radius, length - 1 - at); k++) to[i + k * step] = 1;
    }
    return to;
  };
  return pass(pass(mask, 1, width), width, height);
}

/**
 * Resizes a rectangle of a plane: the mean of the covered area along an axis that shrinks, linear interpolation along one that
 * grows; at scale 1 the pixels are copied.
 */
export function resize(plane: Plane, box: Bounds, width: number, height: number): Plane {
  const across = coverageOf(box.x1 - box.x0, width);
  const down = coverageOf(box.y1 - box.y0, height);
  const source = plane.data;
  const data = new Float32Array(width * height);
  let i = 0;
  for (const column of down) {
    for (const row of across) {
      let sum = 0;
      for (let v = 0; v < column.parts.length; v++) {
        const b = column.parts[v] ?? missing(v);
        const start = (box.y0 + column.first + v) * plane.width + box.x0 + row.first;
        for (let u = 0; u < row.parts.length; u++) {
          sum += (row.parts[u] ?? missing(u)) * b * (source[start + u] ?? missing(start + u));
        }
      }
      data[i++] = sum;
    }
  }
  return { data, width, height };
}

/** The weights of consecutive pixels along one axis, from `first`. */
interface Coverage {
  first: number;
  /** Their sum is 1. */
  parts: Float64Array;
}

/** For each of `to` cells, the share that each of `from` pixels has in it. */
function coverageOf(from: number, to: number): Coverage[] {
  return Array.from({ length: to }, (_, i) => {
    if (from < to) {
      const { first, second, part } = tap(i, to, from);
      return { first, parts: Float64Array.from(first === second ? [1] : [1 - part, part]) };
    }
    const [start, end] = [(i * from) / to, ((i + 1) * from) / to];
    const first = Math.floor(start);
    const parts = new Float64Array(Math.ceil(end) - first);
    for (let k = first; k < end; k++) {
      parts[k - first] = ((Math.min(k + 1, end) - Math.max(k, start)) * to) / from;
    }
    return { first, parts };
  });
}

/** Counts, for 0, 1 .. 255, the levels at or above `from` that round to it. */
export function histogram(data: Float32Array, from: number): Float64Array {
  // Incrementing integers is faster.
  const counts = new Uint32Array(256);
  // A plain loop: an iterator takes several times as long.
  for (let i = 0; i < data.length; i++) {
    const level = data[i] ?? missing(i);
    if (level < from) continue;
    // Rounds, and is faster than Math.round.
    const bin = level > 0 ? Math.min(255, (level + 0.5) | 0) : 0;
    counts[bin] = (counts[bin] ?? missing(bin)) + 1;
  }
  return Float64Array.from(counts);
}

/** The level at or below which a share `part` (0..1) of a histogram lies; 0 if it is empty. */
export function quantile(counts: Float64Array, part: number): number {
  const wanted = counts.reduce((a, b) => a + b, 0) * part;
  let seen = 0;
  for (let level = 0; level < counts.length; level++) {
    seen += counts[level] ?? 0;
    if (seen > 0 && seen >= wanted) return level;
  }
  return 0;
}

/** Otsu's threshold (1979): the level that splits a histogram into the two classes with the greatest variance between them. */
export function otsu(counts: Float64Array): number {
  const total = counts.reduce((a, b) => a + b, 0);
  const moment = counts.reduce((sum, count, level) => sum + count * level, 0);
  let [best, threshold, below, momentBelow] = [0, 0, 0, 0];
  counts.forEach((count, level) => {
    below += count;
    momentBelow += count * level;
    if (below === 0 || below === total) return;
    const between = (moment * (below / total) - momentBelow) ** 2 / (below * (total - below));
    if (between > best) [best, threshold] = [between, level + 0.5];
  });
  return threshold;
}

/** Median of the levels below `limit`, and their standard deviation, estimated from the median distance to it. */
export function spreadBelow(counts: Float64Array, limit: number): { middle: number; deviation: number } {
  const low = counts.map((count, level) => (level < limit ? count : 0));
  const middle = quantile(low, 0.5);
  const distances = new Float64Array(256);
  low.forEach((count, level) => {
    const distance = Math.abs(level - middle);
    distances[distance] = (distances[distance] ?? 0) + count;
  });
  return { middle, deviation: 1.4826 * quantile(distances, 0.5) };
}
