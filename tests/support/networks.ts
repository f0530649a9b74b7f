import { setMaxListeners } from 'node:events';
import { createFlow } from '../../src/core/fair-queue.js';
import type { Picture } from '../../src/core/picture.js';
import { renderViews } from '../../src/core/render.js';
import type { Geometry, View } from '../../src/core/views.js';
import type { RunResult, Turn } from '../../src/runtime/jobs.js';
import { pixelsOf, type Rows, type RunInput, rowsOf } from '../../src/runtime/pixels.js';
import type { NetworkSpec } from '../../src/runtime/protocol.js';
import { manifestOf } from './model-folders.js';

/** For what nobody gives up. */
export const never = new AbortController().signal;
setMaxListeners(0, never);

/** What is loaded into a lane: a scripted lane looks at key and file only. */
export function specOf(key: string, file: string): NetworkSpec {
  return { ...(manifestOf(key) as NetworkSpec), key, file, output: { name: 'y', kind: 'probabilities' } };
}

/** The most probable class. */
export function best({ scores }: Pick<RunResult, 'scores'>): number {
  return scores.indexOf(Math.max(...scores));
}

/** A turn of someone who has no others. */
export function turn(signal: AbortSignal = never): Turn {
  return { flow: createFlow(), cost: 1, signal };
}

/** A picture to be seen once and whole, for a scripted lane. */
export function once({ data }: Picture): RunInput {
  return { pixels: pixelsOf(data, 1), from: 0, rows: 1 };
}

/** Views of a picture for a network of this geometry, all or some of them. */
export function rendered(
  picture: Picture,
  geometry: Geometry,
  views: readonly View[],
  from = 0,
  to = views.length,
): Rows {
  const pixels = pixelsOf(renderViews(picture, geometry, views), views.length);
  return rowsOf({ pixels, from, rows: to - from });
}
