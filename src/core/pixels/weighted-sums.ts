// Pillow's inner loop, four bytes at a time, as WebAssembly: JavaScript has no SIMD, and this loop is most of the work of
// preprocessing. The module has one function, which is assembled here by hand. The numbers are the opcodes of
// https://webassembly.github.io/spec/core/appendix/index-instructions.html

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

type Code = number[];

const I32 = 0x7f;
const V128 = 0x7b;

/** An unsigned number as LEB128. */
function leb(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)];
}

const vector = (...items: Code[]): Code => [...leb(items.length), ...items.flat()];
const sized = (content: Code): Code => [...leb(content.length), ...content];
const name = (value: string): Code => sized([...Buffer.from(value)]);
const simd = (opcode: number, ...operands: Code): Code => [0xfd, ...leb(opcode), ...operands];

const get = (local: number): Code => [0x20, local];
const set = (local: number): Code => [0x21, local];
const tee = (local: number): Code => [0x22, local];
const constant = (below64: number): Code => [0x41, below64];
const i32Load: Code = [0x28, 2, 0];
const i32Add: Code = [0x6a];
const i32Subtract: Code = [0x6b];
const i32ShiftLeft: Code = [0x74];
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

const increase = (local: number, by: Code): Code => [...get(local), ...by, ...i32Add, ...set(local)];
/** Repeats `body`, counting `local` down to 0. */
const countDown = (local: number, body: Code): Code => {
  const branchUnlessZero = [...get(local), ...constant(1), ...i32Subtract, ...tee(local), 0x0d, 0];
  return [0x03, 0x40, ...body, ...branchUnlessZero, 0x0b];
};

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
  const body = [...locals, ...countDown(count, writeGroup), 0x0b];
  const type = [0x60, ...vector(...new Array<Code>(9).fill([I32])), ...vector()];
  return Uint8Array.of(
    ...[0, ...Buffer.from('asm'), 1, 0, 0, 0],
    ...[1, ...sized(vector(type))],
    ...[3, ...sized(vector([0]))],
    ...[5, ...sized(vector([0, 1]))],
    ...[7, ...sized(vector([...name('memory'), 2, 0], [...name('sums'), 0, 0]))],
    ...[10, ...sized(vector(sized(body)))],
  );
}

const MEMORY_PAGE = 65536;

// The part of WebAssembly that is used; the types of Node 20 lack it.
interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): void;
}
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: { memory: Memory; sums: WeightedSums } };
};

const { memory, sums } = new WebAssembly.Instance(new WebAssembly.Module(assemble())).exports;

export const weightedSums = sums;

/** The memory that `weightedSums` works on, at least `size` bytes. It holds the data of the last caller. */
export function scratch(size: number): ArrayBuffer {
  const missing = size - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / MEMORY_PAGE));
  return memory.buffer;
}
