import { missing } from '../at.js';
import { type Bounds, grow, longSide, type Plane } from './plane.js';

/** Pixels of one row side by side, from `start` to `end` (one past the last) in the plane, in the order of the plane. */
interface Runs {
  start: number[];
  end: number[];
}

interface ConnectedRuns extends Runs {
  /** For each run another of the same part that comes no later. */
  parent: number[];
}

interface Part extends Bounds {
  /** The number of its first run. */
  first: number;
  mass: number;
  atBorder: boolean;
}

/** The pixels of a digit at or above the threshold. */
export interface Kept extends Runs {
  box: Bounds;
}

/** The parts at or above `threshold` that make up one digit: the heaviest part and those that belong to it. */
export function selectDigit(plane: Plane, threshold: number): Kept | undefined {
  const runs = connectedRuns(plane, threshold);
  const parts = partsOf(plane, runs);
  const main = heaviest(parts);
  const least = Math.max(plane.width, plane.height) / 50;
  if (!main || longSide(main) < Math.min(4, plane.width, plane.height) || longSide(main) < least) return undefined;
  const box = { x0: main.x0, y0: main.y0, x1: main.x1, y1: main.y1 };
  const kept = new Set([main.first]);
  const candidates = parts.filter((part) => part.mass >= 0.03 * main.mass && (main.atBorder || !part.atBorder));
  // Add broken strokes and the separate bar of a 5, but no specks and no digits beside this one.
  for (let sizeBefore = 0; sizeBefore < kept.size; ) {
    sizeBefore = kept.size;
    for (const part of candidates) {
      if (kept.has(part.first)) continue;
      const gapX = Math.max(part.x0 - box.x1, box.x0 - part.x1);
      const gapY = Math.max(part.y0 - box.y1, box.y0 - part.y1);
      const within = gapX < 0 ? 0.3 : 0.1;
      if (Math.max(gapX, gapY) > within * longSide(box)) continue;
      kept.add(part.first);
      grow(box, part.x0, part.y0, part.x1, part.y1);
    }
  }
  return { ...runsOf(runs, kept), box };
}

function heaviest(parts: readonly Part[]): Part | undefined {
  let [main, greatest] = [parts[0], 0];
  for (const part of parts) {
    // A part that touches the border (a frame, the edge of the paper) counts less than one inside.
    const weight = part.mass * (part.atBorder ? 0.1 : 1);
    if (weight > greatest) [main, greatest] = [part, weight];
  }
  return main;
}

/** The runs of pixels at or above `threshold`; those of one 8-connected part are connected. */
function connectedRuns({ data, width }: Plane, threshold: number): ConnectedRuns {
  const runs: ConnectedRuns = { start: [], end: [], parent: [] };
  // The runs of the row above from `above` on may still touch one of this row.
  for (let row = 0, above = 0; row < data.length; row += width) {
    const first = runs.start.length;
    const rowEnd = row + width;
    for (let i = row; i < rowEnd; i++) {
      if ((data[i] ?? missing(i)) < threshold) continue;
      const start = i;
      while (i < rowEnd && (data[i] ?? missing(i)) >= threshold) i++;
      const run = runs.start.length;
      runs.start.push(start);
      runs.end.push(i);
      runs.parent.push(run);
      while (above < first && (runs.end[above] ?? missing(above)) < start - width) above++;
      for (let k = above; k < first && (runs.start[k] ?? missing(k)) <= i - width; k++) connect(runs.parent, k, run);
    }
    above = first;
  }
  return runs;
}

/** Makes the parts of two runs one. */
function connect(parent: number[], a: number, b: number): void {
  const [one, other] = [rootOf(parent, a), rootOf(parent, b)];
  if (one < other) parent[other] = one;
  else parent[one] = other;
}

/** The first run of a run's part. */
function rootOf(parent: number[], run: number): number {
  let root = run;
  for (let next = parent[root] ?? missing(root); next !== root; next = parent[root] ?? missing(root)) {
    // Halve the way for those who come after.
    parent[root] = parent[next] ?? missing(next);
    root = next;
  }
  return root;
}

/** The parts, in the order of their first pixels. */
function partsOf({ data, width, height }: Plane, { start, end, parent }: ConnectedRuns): Part[] {
  const parts: Part[] = [];
  const byRun: (Part | undefined)[] = [];
  for (let run = 0; run < parent.length; run++) {
    const first = rootOf(parent, run);
    let part = byRun[first];
    if (!part) {
      part = { first, mass: 0, x0: width, y0: height, x1: 0, y1: 0, atBorder: false };
      parts.push(part);
    }
    byRun.push(part);
    const [from, to] = [start[run] ?? missing(run), end[run] ?? missing(run)];
    for (let i = from; i < to; i++) part.mass += data[i] ?? missing(i);
    const y = Math.floor(from / width);
    grow(part, from - y * width, y, to - y * width, y + 1);
  }
  for (const part of parts) {
    part.atBorder = part.x0 === 0 || part.y0 === 0 || part.x1 === width || part.y1 === height;
  }
  return parts;
}

/** The runs of the parts that start with these runs. */
function runsOf({ start, end, parent }: ConnectedRuns, firsts: ReadonlySet<number>): Runs {
  const kept: Runs = { start: [], end: [] };
  for (let run = 0; run < parent.length; run++) {
    if (!firsts.has(rootOf(parent, run))) continue;
    kept.start.push(start[run] ?? missing(run));
    kept.end.push(end[run] ?? missing(run));
  }
  return kept;
}
