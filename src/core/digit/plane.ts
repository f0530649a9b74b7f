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

/** The two of `coarse` cells between which cell `index` of `size` lies over the same length, and the share of the second. */
export function tap(index: number, size: number, coarse: number): { first: number; second: number; part: number } {
  const exact = Math.min(coarse - 1, Math.max(0, ((index + 0.5) * coarse) / size - 0.5));
  const first = Math.floor(exact);
  return { first, second: Math.min(coarse - 1, first + 1), part: exact - first };
}

/** Means over blocks of `factor` x `factor` pixels; the blocks at the right and lower edge may be smaller. */
export function shrink(plane: Plane, factor: number): Plane {
  const { data, width, height } = plane;
  if (factor <= 1) return plane;
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
