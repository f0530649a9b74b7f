import { readFileSync } from 'node:fs';

// The part of WebAssembly that is used; the types of Node 20 lack it.
interface Memory {
  readonly buffer: ArrayBuffer;
}
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: JpegModule };
  RuntimeError: new () => Error;
};

/** What wasm/jpeg.wasm exports: see wasm/jpeg/decode.c. Addresses are offsets in the memory. */
export interface JpegModule {
  /** May grow in `room` and `open`; then its buffer is another. */
  memory: Memory;
  /** Begins anew, and makes room for a file. @returns its address */
  room(bytes: number): number;
  /**
   * Opens the file.
   * @returns the address of the rows that `next` gives; 0 if the file is not decoded here
   * @throws Trap if it is not clean
   */
  open(bytes: number, width: number, height: number, left: number, top: number, right: number, bottom: number): number;
  /**
   * Decodes the next wanted rows.
   * @returns their number; 0 at the end of a clean file
   * @throws Trap if it is not clean
   */
  next(): number;
}

const FILE = new URL('../../../../src/imaging/decoders/jpeg/wasm/jpeg.wasm', import.meta.url);

let module: JpegModule | undefined;

/**
 * The module, compiled when it is first wanted: not all that imports this decodes JPEG. A compiled module cannot be handed to another
 * process, and need not be: V8 compiles each function when it is first called.
 */
export function jpegModule(): JpegModule {
  module ??= new WebAssembly.Instance(new WebAssembly.Module(readFileSync(FILE))).exports;
  return module;
}

/** What ends the module's work at once. It can begin anew afterwards. */
export const Trap = WebAssembly.RuntimeError;
