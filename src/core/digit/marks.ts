import { missing } from '../at.js';
import { type Coarse, type Raised, subtractBackground } from './background.js';
import { otsu, quantile, spreadBelow, upperPart } from './histogram.js';
import { type Kept, selectDigit } from './parts.js';
import { type Bounds, grow, longSide, type Plane } from './plane.js';

/** The pen strokes of one digit: 0 for paper, 255 for full ink, grey at the edges. Only what is inside `box` counts. */
export interface Ink {
  plane: Plane;
  box: Bounds;
}

/** If ink and paper differ by fewer levels than this, the ink is noise and the picture is blank. */
export const LEAST_CONTRAST = 18;
/** This many levels above the paper never count as ink. */
const LEAST_NOISE = 4;

/** The marks with the most contrast that could be one digit. @param window widest stroke, as a share of the longer side */
export function findMarks(grey: Plane, coarse: Coarse, window: number): Ink | undefined {
  const raised = subtractBackground(grey, coarse, window);
  const { data, counts } = raised;

  // Otsu's threshold separates paper from the rest. The spread of the paper gives the level of the noise. Otsu's threshold of
  // the levels above the noise separates the pen from faint marks such as ruled lines.
  const { middle, deviation } = spreadBelow(counts, otsu(counts));
  const floor = middle + Math.max(LEAST_NOISE, 3 * deviation);
  const above = upperPart(counts, floor, countFrom(data, floor));
  const threshold = Math.max(otsu(above), floor);
  const full = quantile(threshold > floor ? upperPart(counts, threshold) : above, 0.9) - middle;
  if (full < LEAST_CONTRAST) return undefined;

  const kept = selectDigit(raised, threshold);
  return kept && cutOut(raised, kept, { middle, floor, full });
}

/** The number of levels at or above `least`. */
export function countFrom(data: Float32Array, least: number): number {
  let count = 0;
  for (let i = 0; i < data.length; i++) if ((data[i] ?? missing(i)) >= least) count++;
  return count;
}

/** Levels above the background: of the middle of the paper, of the noisiest paper, and from the middle to full ink. */
interface Levels {
  middle: number;
  floor: number;
  full: number;
}

/** Turns levels into ink, in place, in and around the parts of the digit. */
function cutOut(raised: Raised, { start, end, box }: Kept, { middle, floor, full }: Levels): Ink {
  const { data, width, height } = raised;
  // Keep the soft edges of the strokes, up to 1/64 of the digit's size, so that shrinking them is exact.
  const reach = Math.max(2, Math.round(longSide(box) / 64));
  const [left, right] = [Math.max(0, box.x0 - reach), Math.min(width, box.x1 + reach)];
  // For each column the row up to which it is near the strokes seen so far.
  const nearUntil = new Int32Array(width);
  const inked = { x0: width, y0: height, x1: 0, y1: 0 };
  for (let y = Math.max(0, box.y0 - reach), run = 0; y < Math.min(height, box.y1 + reach); y++) {
    for (const below = (y + reach + 1) * width; run < start.length && (start[run] ?? missing(run)) < below; run++) {
      const [from, to] = [start[run] ?? missing(run), end[run] ?? missing(run)];
      const row = Math.floor(from / width);
      const x = from - row * width;
      nearUntil.fill(row + reach + 1, Math.max(0, x - reach), x + to - from + reach);
    }
    // The columns with ink in this row.
    let [first, last] = [width, -1];
    for (let x = left, i = y * width + left; x < right; x++, i++) {
      const level = data[i] ?? missing(i);
      const isNear = (nearUntil[x] ?? missing(x)) > y;
      const value = isNear && level > floor ? Math.min(255, ((level - middle) / full) * 255) : 0;
      data[i] = value;
      if (value < 24) continue;
      if (first > x) first = x;
      last = x;
    }
    if (last >= 0) grow(inked, first, y, last + 1, y + 1);
  }
  return { plane: raised, box: inked };
}
