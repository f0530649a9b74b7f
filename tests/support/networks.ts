import { setMaxListeners } from 'node:events';
import { createFlow } from '../../src/core/fair-queue.js';
import type { Picture } from '../../src/core/picture.js';
import type { RunResult, Turn } from '../../src/runtime/jobs.js';
import type { NetworkSpec, RunInput } from '../../src/runtime/protocol.js';
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
export function once(picture: Picture): RunInput {
  return { picture, views: [{ window: undefined, mirrored: false, weight: 1 }] };
}
