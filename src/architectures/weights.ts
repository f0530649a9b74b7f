import { countOf } from '../core/shape.js';
import type { Parameter } from './builder.js';

// Parameter values of untrained networks.

/**
 * `constant`: every layer averages its inputs, so values stay bounded at any depth and all classes have equal scores.
 * `random`: the values before training; `seed` is an integer.
 */
export type InitialWeights = { readonly weights: 'constant' } | { readonly weights: 'random'; readonly seed: number };

/** The value of all elements of a parameter; with random weights for all roles except `weight`. */
export function constantValue({ role, fanIn }: Parameter): number {
  switch (role) {
    case 'weight':
      return 1 / fanIn;
    case 'scale':
    case 'variance':
      return 1;
    default:
      return 0;
  }
}

const VALUES_PER_CHUNK = 1 << 16;

/**
 * A parameter's values, in pieces of 256 KiB. Weights have the standard deviation sqrt(2 / fanIn) of He et al. 2015
 * (arXiv:1502.01852), but are uniform within +-sqrt(6 / fanIn): without logarithms and cosines, whose last bit depends on the
 * machine, a seed gives the same bytes everywhere.
 * @param next uniform random numbers, 0 <= x < 1
 */
export function* randomValues(parameter: Parameter, next: () => number): Generator<Float32Array<ArrayBuffer>> {
  const limit = Math.sqrt(6 / parameter.fanIn);
  for (let left = countOf(parameter.shape); left > 0; left -= VALUES_PER_CHUNK) {
    const values = new Float32Array(Math.min(left, VALUES_PER_CHUNK));
    if (parameter.role !== 'weight') values.fill(constantValue(parameter));
    else for (let i = 0; i < values.length; i++) values[i] = (2 * next() - 1) * limit;
    yield values;
  }
}

/** The generator mulberry32 (Tommy Ettinger, public domain): random numbers 0 <= x < 1, period 2^32. */
export function mulberry32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
