import { setMaxListeners } from 'node:events';
import type { Picture } from '../../src/core/pixels/picture.js';
import { createFlow } from '../../src/core/queues/fair-queue.js';
import { renderViews } from '../../src/core/views/render.js';
import type { Geometry, View } from '../../src/core/views/views.js';
import type { Network, Rows } from '../../src/runtime/instances/network.js';
import { runTogether } from '../../src/runtime/instances/run-together.js';
import type { InputTensor } from '../../src/runtime/networks/input-tensor.js';
import type { NetworkSpec } from '../../src/runtime/networks/network-spec.js';
import type { RunResult, Turn } from '../../src/runtime/workers/job.js';
import { manifestOf } from './model-folders.js';

/** For what nobody gives up. */
export const never = new AbortController().signal;
setMaxListeners(0, never);

/** What is loaded into a worker: a scripted one looks at key and file only. */
export function specOf(key: string, file: string): NetworkSpec {
  return { ...(manifestOf(key) as NetworkSpec), key, file, bytes: 0, output: { name: 'y', kind: 'probabilities' } };
}

/** The most probable class. */
export function best({ scores }: Pick<RunResult, 'scores'>): number {
  return scores.indexOf(Math.max(...scores));
}

/** A turn of someone who has no others. */
export function turn(signal: AbortSignal = never): Turn {
  return { flow: createFlow(), cost: 1, ms: 1, signal };
}

let lastName = 0;

/** A picture to be seen once and whole, for a scripted worker. */
export function once({ data }: Picture): Rows {
  return { name: `once ${++lastName}`, data, rows: 1 };
}

/** Views of a picture for a network of this geometry, all or some of them. */
export function rendered(
  picture: Picture,
  geometry: Geometry,
  views: readonly View[],
  from = 0,
  to = views.length,
): Rows {
  const pixels = renderViews(picture, geometry, views);
  const length = pixels.length / views.length;
  return { name: `rendered ${++lastName}`, data: pixels.subarray(from * length, to * length), rows: to - from };
}

/** Runs one network on several inputs, for their scores. */
export function scoresOn(network: Network, inputs: readonly Rows[], tensor: InputTensor) {
  return runTogether(
    inputs.map((input) => ({ network, input, wants: 'scores' as const })),
    tensor,
  );
}
