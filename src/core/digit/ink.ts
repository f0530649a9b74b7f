import { missing } from '../at.js';
import {
  type Bounds,
  dilate,
  erode,
  grow,
  histogram,
  longSide,
  mix,
  negated,
  otsu,
  type Plane,
  quantile,
  resize,
  shrink,
  spread,
  spreadBelow,
  tap,
} from './plane.js';

/** The pen strokes of one digit: 0 for paper, 255 for full ink, grey at the edges. `box` bounds them. */
export interface Ink {
  plane: Plane;
  box: Bounds;
}

/** Cells along the longer side of the coarse grid on which background and polarity are determined. */
const COARSE = 64;
/** Strokes wider than this share of the longer side do not count as ink. */
const PEN_WINDOW = 1 / 3;
/** The same for sheets of paper on a table. */
const SHEET_WINDOW = 1 / 2;
/** If ink and paper differ by fewer levels than this, the ink is noise and the picture is blank. */
const LEAST_CONTRAST = 18;
/** Paper darker than this is dark paper, not paper in a shadow. */
const LEAST_LIGHT = 80;
/** This many levels above the paper never count as ink. */
const LEAST_NOISE = 4;

/**
 * Finds the digit in a grey picture on any paper, and removes everything else.
 * @param grey levels 0..255
 * @returns the ink, or undefined if the picture shows none
 */
export function findInk(grey: Plane): Ink | undefined {
  const sheet = findSheet(grey);
  if (!sheet) return findMarks(grey, PEN_WINDOW);
  const { x0, y0, x1, y1 } = sheet;
  return findMarks(resize(grey, sheet, x1 - x0, y1 - y0), PEN_WINDOW) ?? findMarks(grey, PEN_WINDOW);
}

/** The inside of a sheet of paper, for example on a table: the sheet contrasts more than the writing on it. */
function findSheet(grey: Plane): Bounds | undefined {
  if (Math.max(grey.width, grey.height) < COARSE) return undefined;
  const factor = Math.ceil(Math.max(grey.width, grey.height) / (2 * COARSE));
  const found = findMarks(shrink(grey, factor), SHEET_WINDOW);
  if (!found || !isSheet(found)) return undefined;
  const { x0, y0, x1, y1 } = found.box;
  const [across, down] = [Math.ceil((x1 - x0) / 20), Math.ceil((y1 - y0) / 20)];
  return {
    x0: (x0 + across) * factor,
    y0: (y0 + down) * factor,
    x1: Math.min(grey.width, (x1 - across) * factor),
    y1: Math.min(grey.height, (y1 - down) * factor),
  };
}

/** Whether the marks fill their box as a sheet or a screen does, and no digit. */
function isSheet({ plane, box }: Ink): boolean {
  const [width, height] = [box.x1 - box.x0, box.y1 - box.y0];
  if (Math.min(width, height) < 0.4 * Math.max(width, height) || width * height < (plane.width * plane.height) / 8)
    return false;
  let filled = 0;
  for (let y = box.y0; y < box.y1; y++) {
    for (let x = box.x0; x < box.x1; x++) if ((plane.data[y * plane.width + x] ?? 0) >= 128) filled++;
  }
  return filled > 0.7 * width * height;
}

/** The marks with the most contrast that could be one digit. @param window widest stroke, as a share of the longer side */
function findMarks(grey: Plane, window: number): Ink | undefined {
  const raised = subtractBackground(grey, window);
  const { data, width, height } = raised;

  // Otsu's threshold separates paper from the rest. The spread of the paper gives the level of the noise. Otsu's threshold of
  // the levels above the noise separates the pen from faint marks such as ruled lines.
  const all = histogram(data, 0);
  const paper = spreadBelow(all, otsu(all));
  const floor = paper.middle + Math.max(LEAST_NOISE, 3 * paper.deviation);
  const above = histogram(data, floor);
  const threshold = Math.max(otsu(above), floor);
  const full = quantile(histogram(data, threshold), 0.9) - paper.middle;
  if (full < LEAST_CONTRAST) return undefined;

  const kept = selectDigit(raised, threshold);
  if (!kept) return undefined;
  // Keep the soft edges of the strokes, up to 1/64 of the digit's size, so that shrinking them is exact.
  const reach = Math.max(2, Math.round(Math.max(kept.box.x1 - kept.box.x0, kept.box.y1 - kept.box.y0) / 64));
  const near = spread(kept.mask, width, height, reach);
  const ink = new Float32Array(data.length);
  const box = { x0: width, y0: height, x1: 0, y1: 0 };
  for (let y = 0, i = 0; y < height; y++) {
    // The columns with ink in this row.
    let [first, last] = [width, -1];
    for (let x = 0; x < width; x++, i++) {
      const level = data[i] ?? missing(i);
      if (level <= floor || !near[i]) continue;
      const value = Math.min(255, ((level - paper.middle) / full) * 255);
      ink[i] = value;
      if (value < 24) continue;
      if (first > x) first = x;
      last = x;
    }
    if (last >= 0) grow(box, first, y, last + 1, y + 1);
  }
  return { plane: { data: ink, width, height }, box };
}

/** Determines the polarity and removes the shading of the paper: ink has positive levels, the background about 0. */
function subtractBackground(grey: Plane, window: number): Plane {
  const { width, height } = grey;
  const coarse = shrink(grey, Math.ceil(Math.max(width, height) / COARSE));
  const sign = isLightOnDark(coarse) ? 1 : -1;
  // A grey opening (erosion, then dilation) estimates the background. Strokes are narrower than the window and vanish;
  // shading, shadows and the table beside the paper stay, and are subtracted. They are dilated by one more cell, because a
  // cell on an edge is neither light nor dark.
  const radius = Math.max(1, Math.round((Math.max(coarse.width, coarse.height) * window) / 2));
  const signed = sign > 0 ? coarse : negated(coarse);
  const background = widenRows(dilate(erode(signed, radius), radius + 1), width);
  const data = new Float32Array(width * height);
  for (let y = 0, i = 0; y < height; y++) {
    const { first, second, part } = tap(y, height, coarse.height);
    let [above, below] = [first * width, second * width];
    for (let x = 0; x < width; x++, i++, above++, below++) {
      const paper = mix(background[above] ?? missing(above), background[below] ?? missing(below), part);
      const raised = Math.max(0, (grey.data[i] ?? missing(i)) * sign - paper);
      // Dark ink absorbs a share of the light on the paper, so it contrasts less in a shadow.
      data[i] = sign > 0 ? raised : (raised * 255) / Math.max(LEAST_LIGHT, -paper);
    }
  }
  return { data, width, height };
}

/** A plane with its rows interpolated to `width` levels. */
function widenRows({ data, width: coarse, height }: Plane, width: number): Float64Array {
  const wide = new Float64Array(width * height);
  for (let x = 0; x < width; x++) {
    const { first, second, part } = tap(x, width, coarse);
    for (let y = 0; y < height; y++) {
      const [left, right] = [y * coarse + first, y * coarse + second];
      wide[y * width + x] = mix(data[left] ?? missing(left), data[right] ?? missing(right), part);
    }
  }
  return wide;
}

/** Ink differs from the margin more than shading does, and to one side: the sign of the third moment tells which. */
function isLightOnDark({ data, width, height }: Plane): boolean {
  const band = Math.max(1, Math.round(Math.max(width, height) / 16));
  const margin: number[] = [];
  for (let y = 0, i = 0; y < height; y++) {
    const atEdge = y < band || y >= height - band;
    for (let x = 0; x < width; x++, i++) {
      if (atEdge || x < band || x >= width - band) margin.push(data[i] ?? missing(i));
    }
  }
  const paper = Float32Array.from(margin).sort()[margin.length >> 1] ?? 0;
  let skew = 0;
  for (const level of data) {
    const distance = level - paper;
    skew += distance * distance * distance;
  }
  return skew > 0;
}

interface InkPart extends Bounds {
  label: number;
  mass: number;
  atBorder: boolean;
}

/** The parts at or above `threshold` that make up one digit: the heaviest part and those that belong to it. */
function selectDigit(plane: Plane, threshold: number): { mask: Uint8Array; box: Bounds } | undefined {
  const { labels, parts } = components(plane, threshold);
  // A part that touches the border (a frame, the edge of the paper) counts less than one inside.
  const weight = (part: InkPart) => part.mass * (part.atBorder ? 0.1 : 1);
  const main = parts.reduce<InkPart | undefined>(
    (best, part) => (!best || weight(part) > weight(best) ? part : best),
    undefined,
  );
  const least = Math.max(plane.width, plane.height) / 50;
  if (!main || longSide(main) < Math.min(4, plane.width, plane.height) || longSide(main) < least) return undefined;
  const box = { x0: main.x0, y0: main.y0, x1: main.x1, y1: main.y1 };
  const kept = new Set([main.label]);
  // Add broken strokes and the separate bar of a 5, but no specks and no digits beside this one.
  for (let sizeBefore = 0; sizeBefore < kept.size; ) {
    sizeBefore = kept.size;
    for (const part of parts) {
      if (kept.has(part.label) || part.mass < 0.03 * main.mass || (part.atBorder && !main.atBorder)) continue;
      const gapX = Math.max(part.x0 - box.x1, box.x0 - part.x1);
      const gapY = Math.max(part.y0 - box.y1, box.y0 - part.y1);
      const within = gapX < 0 ? 0.3 : 0.1;
      if (Math.max(gapX, gapY) > within * longSide(box)) continue;
      kept.add(part.label);
      grow(box, part.x0, part.y0, part.x1, part.y1);
    }
  }
  const isKept = new Uint8Array(parts.length + 1);
  for (const label of kept) isKept[label] = 1;
  const mask = new Uint8Array(labels.length);
  for (let i = 0; i < mask.length; i++) mask[i] = isKept[labels[i] ?? 0] ?? 0;
  return { mask, box };
}

/** Labels the 8-connected parts at or above `threshold`; label 0 is the background. */
function components({ data, width, height }: Plane, threshold: number): { labels: Int32Array; parts: InkPart[] } {
  const labels = new Int32Array(data.length);
  const parts: InkPart[] = [];
  const stack: number[] = [];
  const visit = (i: number, part: InkPart): void => {
    const level = data[i] ?? 0;
    if (labels[i] || level < threshold) return;
    labels[i] = part.label;
    part.mass += level;
    stack.push(i);
  };
  for (let start = 0; start < data.length; start++) {
    if (labels[start] || (data[start] ?? 0) < threshold) continue;
    const part: InkPart = { label: parts.length + 1, mass: 0, x0: width, y0: height, x1: 0, y1: 0, atBorder: false };
    visit(start, part);
    for (let i = stack.pop(); i !== undefined; i = stack.pop()) {
      const x = i % width;
      const y = (i - x) / width;
      grow(part, x, y, x + 1, y + 1);
      for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++) {
        for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) visit(v * width + u, part);
      }
    }
    part.atBorder = part.x0 === 0 || part.y0 === 0 || part.x1 === width || part.y1 === height;
    parts.push(part);
  }
  return { labels, parts };
}
