/** Random numbers that are determined by a seed. */
export interface Random {
  /** Uniform over `low <= x < high`, in steps of 2^-32 of the range; rounding may yield `high` itself. */
  uniform(low: number, high: number): number;
  /** Uniform over the integers `0 <= i < below`, without bias; `below` is 1 to 2^32. */
  integer(below: number): number;
  /** Normally distributed with mean 0 and standard deviation 1. */
  normal(): number;
}

const RANGE = 2 ** 32;

/**
 * Random numbers by xoshiro128** 1.1 (Blackman and Vigna, "Scrambled linear pseudorandom number generators", ACM TOMS
 * 2021; https://prng.di.unimi.it), seeded by SplitMix64 as the authors advise. The same seed gives the same sequence on
 * every machine: all arithmetic is exact or IEEE 754's, except for the logarithm in `normal`, which V8 computes in software.
 * Not for secrets.
 *
 * @throws RangeError if `seed` is not an integer
 */
export function createRandom(seed: number): Random {
  const next = xoshiro128(seed);
  const uniform = (low: number, high: number) => low + (high - low) * (next() / RANGE);
  let spare: number | undefined;
  return {
    uniform,
    integer(below) {
      // Draws above the last multiple of `below` would favour small remainders.
      const limit = RANGE - (RANGE % below);
      let draw = next();
      while (draw >= limit) draw = next();
      return draw % below;
    },
    // Marsaglia's polar method (Marsaglia and Bray 1964): two values at a time, and no sine or cosine.
    normal() {
      const kept = spare;
      spare = undefined;
      if (kept !== undefined) return kept;
      for (;;) {
        const u = uniform(-1, 1);
        const v = uniform(-1, 1);
        const square = u * u + v * v;
        if (square === 0 || square >= 1) continue;
        const scale = Math.sqrt((-2 * Math.log(square)) / square);
        spare = v * scale;
        return u * scale;
      }
    },
  };
}

/** Each call of the returned function gives the next 32-bit unsigned integer. */
function xoshiro128(seed: number): () => number {
  const mix = splitMix64(seed);
  const [low, high] = [mix(), mix()];
  const word = (from: bigint, index: bigint) => Number(BigInt.asIntN(32, from >> (32n * index)));
  let [a, b, c, d] = [word(low, 0n), word(low, 1n), word(high, 0n), word(high, 1n)];
  return () => {
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9);
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotateLeft(d, 11);
    return result >>> 0;
  };
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

/** SplitMix64 (Steele, Lea and Flood 2014): unrelated 64-bit integers even from similar seeds. */
function splitMix64(seed: number): () => bigint {
  let state = BigInt(seed);
  return () => {
    state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n);
    let z = state;
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    return z ^ (z >> 31n);
  };
}
