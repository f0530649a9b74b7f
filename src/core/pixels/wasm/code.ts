// WebAssembly by hand, for modules of one function. The numbers are the opcodes of
// https://webassembly.github.io/spec/core/appendix/index-instructions.html

export type Code = number[];

export const I32 = 0x7f;
export const V128 = 0x7b;

/** An unsigned number as LEB128. */
export function leb(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)];
}

export const vector = (...items: Code[]): Code => [...leb(items.length), ...items.flat()];
const sized = (content: Code): Code => [...leb(content.length), ...content];
const name = (value: string): Code => sized([...Buffer.from(value)]);
export const simd = (opcode: number, ...operands: Code): Code => [0xfd, ...leb(opcode), ...operands];

export const get = (local: number): Code => [0x20, local];
export const set = (local: number): Code => [0x21, local];
export const tee = (local: number): Code => [0x22, local];
export const constant = (below64: number): Code => [0x41, below64];
export const i32Load: Code = [0x28, 2, 0];
export const i32Add: Code = [0x6a];
const i32Subtract: Code = [0x6b];
export const i32ShiftLeft: Code = [0x74];
export const increase = (local: number, by: Code): Code => [...get(local), ...by, ...i32Add, ...set(local)];
/** Repeats `body`, counting `local` down to 0. */
export const countDown = (local: number, body: Code): Code => {
  const branchUnlessZero = [...get(local), ...constant(1), ...i32Subtract, ...tee(local), 0x0d, 0];
  return [0x03, 0x40, ...body, ...branchUnlessZero, 0x0b];
};

/**
 * A module with one page of memory, which it exports as `memory`, and one function. It takes numbers of 32 bits and returns nothing.
 * @param parameters their number
 * @param locals and their types
 */
export function moduleOf(functionName: string, parameters: number, locals: Code, code: Code): Uint8Array<ArrayBuffer> {
  const type = [0x60, ...vector(...new Array<Code>(parameters).fill([I32])), ...vector()];
  const body = [...locals, ...code, 0x0b];
  return Uint8Array.of(
    ...[0, ...Buffer.from('asm'), 1, 0, 0, 0],
    ...[1, ...sized(vector(type))],
    ...[3, ...sized(vector([0]))],
    ...[5, ...sized(vector([0, 1]))],
    ...[7, ...sized(vector([...name('memory'), 2, 0], [...name(functionName), 0, 0]))],
    ...[10, ...sized(vector(sized(body)))],
  );
}

// The part of WebAssembly that is used; the types of Node 20 lack it.
interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): void;
}
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: object };
};

/** What such a module exports. */
export function instantiate<Exports>(code: Uint8Array<ArrayBuffer>): Exports & { memory: Memory } {
  return new WebAssembly.Instance(new WebAssembly.Module(code)).exports as Exports & { memory: Memory };
}

const PAGE = 65536;

/** The memory of a module, grown to at least `size` bytes. */
export function roomIn(memory: Memory, size: number): ArrayBuffer {
  const missing = size - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
  return memory.buffer;
}
