import { missing } from '../at.js';
import { binOf, type Histogram } from './histogram.js';
import { open } from './opening.js';
import { type Plane, shrink, tap } from './plane.js';

/** Cells along the longer side of the coarse grid on which background and polarity are determined. */
export const COARSE = 64;
/** Paper darker than this is dark paper, not paper in a shadow. */
export const LEAST_LIGHT = 80;

/** A picture on the coarse grid. */
export interface Coarse {
  plane: Plane;
  /** The plane, negated if ink is darker than paper. */
  signed: Plane;
  lightOnDark: boolean;
  /** Pixels across and down a cell. */
  factor: number;
}

/** A picture with the background subtracted: ink has positive levels, the paper about 0, and none is negative. */
export interface Raised extends Plane {
  counts: Histogram;
}

/** Shrinks a picture to the coarse grid, and determines the polarity. */
export function coarseOf(grey: Plane): Coarse {
  const factor = Math.ceil(Math.max(grey.width, grey.height) / COARSE);
  const plane = shrink(grey, factor);
  const lightOnDark = isLightOnDark(plane);
  return { plane, signed: lightOnDark ? plane : negated(plane), lightOnDark, factor };
}

function negated({ data, width, height }: Plane): Plane {
  const negative = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) negative[i] = -(data[i] ?? missing(i));
  return { data: negative, width, height };
}

/** Ink differs from the margin more than shading does, and to one side: the sign of the third moment tells which. */
function isLightOnDark({ data, width, height }: Plane): boolean {
  const paper = medianOfMargin({ data, width, height });
  let skew = 0;
  for (let i = 0; i < data.length; i++) {
    const distance = (data[i] ?? missing(i)) - paper;
    skew += distance * distance * distance;
  }
  return skew > 0;
}

/** The median of the levels within 1/16 of the longer side from the edge. */
function medianOfMargin({ data, width, height }: Plane): number {
  const band = Math.max(1, Math.round(Math.max(width, height) / 16));
  const margin = new Float32Array(data.length);
  let count = 0;
  for (let y = 0, i = 0; y < height; y++) {
    const inside = y >= band && y < height - band && width > 2 * band;
    for (let x = 0; x < width; x++, i++) {
      if (inside && x === band) {
        x += width - 2 * band;
        i += width - 2 * band;
      }
      margin[count++] = data[i] ?? missing(i);
    }
  }
  return margin.subarray(0, count).sort()[count >> 1] ?? missing(count);
}

/**
 * Removes the shading of the paper.
 * @param window widest stroke, as a share of the longer side
 */
export function subtractBackground(grey: Plane, coarse: Coarse, window: number): Raised {
  const { data, width, height } = grey;
  const { lightOnDark } = coarse;
  const background = backgroundOf(coarse, window);
  const columns = tapsOf(width, background.width);
  let [above, below] = [new Float64Array(width), new Float64Array(width)];
  let [aboveRow, belowRow] = [-1, -1];
  const raised = new Float32Array(data.length);
  const counts = new Uint32Array(256);
  let paperPixels = 0;
  for (let y = 0, i = 0; y < height; y++) {
    const { first, second, part } = tap(y, height, background.height);
    if (first !== aboveRow) {
      [above, below] = [below, above];
      [aboveRow, belowRow] = [belowRow, aboveRow];
      if (first !== aboveRow) widen(background, first, columns, above);
      aboveRow = first;
    }
    if (second !== belowRow) widen(background, second, columns, below);
    belowRow = second;
    for (let x = 0; x < width; x++, i++) {
      const [high, low] = [above[x] ?? missing(x), below[x] ?? missing(x)];
      const paper = high + (low - high) * part;
      const level = data[i] ?? missing(i);
      const contrast = (lightOnDark ? level : -level) - paper;
      if (contrast <= 0) {
        paperPixels++;
        continue;
      }
      // Dark ink absorbs a share of the light on the paper, so it contrasts less in a shadow.
      const ink = Math.fround(lightOnDark ? contrast : (contrast * 255) / Math.max(LEAST_LIGHT, -paper));
      raised[i] = ink;
      const bin = binOf(ink);
      counts[bin] = (counts[bin] ?? missing(bin)) + 1;
    }
  }
  counts[0] = (counts[0] ?? missing(0)) + paperPixels;
  return { data: raised, width, height, counts };
}

/** The background of a signed picture. */
function backgroundOf({ signed }: Coarse, window: number): Plane {
  // Strokes are narrower than the window and vanish; shading, shadows and the table beside the paper stay. The opening dilates
  // by one more cell, because a cell on an edge is neither light nor dark.
  return open(signed, Math.max(1, Math.round((Math.max(signed.width, signed.height) * window) / 2)));
}

interface Taps {
  first: Int32Array;
  second: Int32Array;
  part: Float64Array;
}

function tapsOf(size: number, coarse: number): Taps {
  const taps = { first: new Int32Array(size), second: new Int32Array(size), part: new Float64Array(size) };
  for (let i = 0; i < size; i++) {
    const { first, second, part } = tap(i, size, coarse);
    taps.first[i] = first;
    taps.second[i] = second;
    taps.part[i] = part;
  }
  return taps;
}

/** Interpolates one row of a plane. */
function widen({ data, width }: Plane, row: number, { first, second, part }: Taps, out: Float64Array): void {
  const start = row * width;
  for (let x = 0; x < out.length; x++) {
    const left = data[start + (first[x] ?? missing(x))] ?? missing(x);
    const right = data[start + (second[x] ?? missing(x))] ?? missing(x);
    out[x] = left + (right - left) * (part[x] ?? missing(x));
  }
}
