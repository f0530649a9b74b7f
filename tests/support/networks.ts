import type { NetworkSpec, RunResult } from '../../src/runtime/protocol.js';

/** For what nobody gives up. */
export const never = new AbortController().signal;

/** What is loaded into a lane: a scripted lane looks at key and file only. */
export function specOf(key: string, file: string): NetworkSpec {
  return {
    key,
    file,
    preparation: {
      input: { name: 'x', layout: 'NCHW', height: 8, width: 8 },
      preprocess: {
        resize: { mode: 'exact', filter: 'bilinear' },
        color: 'RGB',
        scale: 1,
        mean: [0, 0, 0],
        std: [1, 1, 1],
      },
    },
    output: { name: 'y', kind: 'probabilities' },
  };
}

/** The most probable class. */
export function best({ probabilities }: Pick<RunResult, 'probabilities'>): number {
  return probabilities.indexOf(Math.max(...probabilities));
}
