// The least of two numbers, four at a time, as WebAssembly: JavaScript has no SIMD.

import { constant, countDown, get, i32Add, increase, instantiate, moduleOf, roomIn, simd, vector } from './code.js';

/**
 * Replaces each float32 by the lesser of itself and another one, which lies `distance` bytes after it. Ascending, so that it reads
 * what was not replaced yet.
 * @param first address of the first
 * @param count of groups of four
 */
type LeastOf = (first: number, distance: number, count: number) => void;

const load = simd(0x00, 2, 0);
const store = simd(0x0b, 2, 0);
const min = simd(0xe8);

function assemble(): Uint8Array<ArrayBuffer> {
  const [first, distance, count] = [0, 1, 2];
  const both = [...get(first), ...load, ...get(first), ...get(distance), ...i32Add, ...load];
  const replace = [...get(first), ...both, ...min, ...store, ...increase(first, constant(16))];
  return moduleOf('least', 3, vector(), countDown(count, replace));
}

const { memory, least } = instantiate<{ least: LeastOf }>(assemble());
const [FLOAT, GROUP] = [Float32Array.BYTES_PER_ELEMENT, 4];

/** Memory for at least so many numbers, which `leastAhead` works on. It holds those of the last caller. */
export function numbers(count: number): Float32Array {
  return new Float32Array(roomIn(memory, (count + GROUP) * FLOAT));
}

/**
 * Replaces each of `count` numbers by the least of `window` numbers: itself and those that follow it `step` apart. Takes twice as many
 * into account in each pass. Where fewer than that follow, it replaces by the least of some of them.
 */
export function leastAhead(count: number, step: number, window: number): void {
  for (let seen = 1, more = 1; seen < window; seen += more) {
    more = Math.min(seen, window - seen);
    least(0, more * step * FLOAT, Math.ceil((count - more * step) / GROUP));
  }
}
