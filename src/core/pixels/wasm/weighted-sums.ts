// Pillow's inner loop, four bytes at a time, as WebAssembly: JavaScript has no SIMD, and this loop is most of the work of
// preprocessing.

import {
  constant,
  countDown,
  get,
  I32,
  i32Add,
  i32Load,
  i32ShiftLeft,
  increase,
  instantiate,
  moduleOf,
  roomIn,
  set,
  simd,
  tee,
  V128,
  vector,
} from './code.js';

/** Fraction bits of the coefficients. */
export const PRECISION_BITS = 22;

/**
 * Writes `count` groups of four bytes, `targetStep` bytes apart. Each is the sum of `taps` groups of four source bytes,
 * `tapStep` bytes apart, times fixed-point coefficients, rounded and clipped to 0..255. Addresses are bytes of `memory`.
 *
 * @param target address of the first written group
 * @param source address to which `offsets` are relative
 * @param offsets address of an i32 for each written group: the offset of its first source group
 * @param coefficients address of the i32 coefficients of the first written group, `taps` of them
 * @param coefficientsStep bytes from a group's coefficients to the next group's; 0 if all groups share them
 */
type WeightedSums = (
  target: number,
  targetStep: number,
  count: number,
  source: number,
  offsets: number,
  tapStep: number,
  taps: number,
  coefficients: number,
  coefficientsStep: number,
) => void;

const load4Bytes = [
  ...simd(0x5c, 0, 0), // v128.load32_zero
  ...simd(0x89), // i16x8.extend_low_i8x16_u
  ...simd(0xa9), // i32x4.extend_low_i16x8_u
];
const load32Splat = simd(0x09, 2, 0);
const splat = simd(0x11);
const multiply = simd(0xb5);
const add = simd(0xae);
const shiftRight = simd(0xac);
const narrowTo16 = simd(0x85);
const narrowTo8 = simd(0x66);
const store4Bytes = simd(0x5a, 0, 0, 0);

function assemble(): Uint8Array<ArrayBuffer> {
  // The parameters of WeightedSums, then the locals
  const [target, targetStep, count, source, offsets, tapStep, taps, coefficients, coefficientsStep] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8,
  ];
  const [pixel, coefficient, left, sums] = [9, 10, 11, 12];
  const addTap = [
    ...[...get(pixel), ...load4Bytes, ...get(coefficient), ...load32Splat, ...multiply],
    ...[...get(sums), ...add, ...set(sums)],
    ...increase(pixel, get(tapStep)),
    ...increase(coefficient, constant(4)),
  ];
  const writeGroup = [
    ...[...get(source), ...get(offsets), ...i32Load, ...i32Add, ...set(pixel)],
    ...[...get(coefficients), ...set(coefficient)],
    ...[...get(taps), ...set(left)],
    // The sum starts at a half, so that the final shift rounds.
    ...[...constant(1), ...constant(PRECISION_BITS - 1), ...i32ShiftLeft, ...splat, ...set(sums)],
    ...countDown(left, addTap),
    // Narrowing clips. It takes two vectors: both are the same here.
    ...[...get(target), ...get(sums), ...constant(PRECISION_BITS), ...shiftRight, ...tee(sums)],
    ...[...get(sums), ...narrowTo16, ...tee(sums), ...get(sums), ...narrowTo8, ...store4Bytes],
    ...increase(target, get(targetStep)),
    ...increase(offsets, constant(4)),
    ...increase(coefficients, get(coefficientsStep)),
  ];
  const locals = vector([3, I32], [1, V128]);
  return moduleOf('sums', 9, locals, countDown(count, writeGroup));
}

const { memory, sums } = instantiate<{ sums: WeightedSums }>(assemble());

export const weightedSums = sums;

/** The memory that `weightedSums` works on, at least `size` bytes. It holds the data of the last caller. */
export function scratch(size: number): ArrayBuffer {
  return roomIn(memory, size);
}
