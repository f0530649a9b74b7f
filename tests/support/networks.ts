import type { Preparation } from '../../src/core/prepare.js';
import type { NetworkSpec, RunResult } from '../../src/runtime/protocol.js';
import { manifestOf } from './model-folders.js';

/** For what nobody gives up. */
export const never = new AbortController().signal;

/** What is loaded into a lane: a scripted lane looks at key and file only. */
export function specOf(key: string, file: string): NetworkSpec {
  return {
    key,
    file,
    preparation: manifestOf(key) as Preparation,
    output: { name: 'y', kind: 'probabilities' },
  };
}

/** The most probable class. */
export function best({ probabilities }: Pick<RunResult, 'probabilities'>): number {
  return probabilities.indexOf(Math.max(...probabilities));
}
