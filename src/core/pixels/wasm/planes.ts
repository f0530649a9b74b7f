// Normalising bytes to planes of float32 by tables, as WebAssembly: JavaScript checks every index, which takes more than the rest.

import {
  type Code,
  constant,
  countDown,
  get,
  I32,
  i32ShiftLeft,
  increase,
  instantiate,
  leb,
  moduleOf,
  vector,
} from './code.js';

const CHANNELS = 3;
const TABLE_BYTES = 256 * Float32Array.BYTES_PER_ELEMENT;
/** Pixels that are done at once. With their tables and values they fill the page of memory, and stay in the processor's cache. */
const MOST_PIXELS = 4096;
const PLANE_BYTES = MOST_PIXELS * Float32Array.BYTES_PER_ELEMENT;
/** Addresses: of a table for each channel, of pixels, of a plane of values for each channel. */
const TABLES = 0;
const PIXELS = TABLES + CHANNELS * TABLE_BYTES;
const PLANES = PIXELS + CHANNELS * MOST_PIXELS;

const load8 = (offset: number): Code => [0x2d, 0, ...leb(offset)];
const load32 = (offset: number): Code => [0x28, 2, ...leb(offset)];
const store32 = (offset: number): Code => [0x36, 2, ...leb(offset)];

function assemble(): Uint8Array<ArrayBuffer> {
  const [count, pixel, value] = [0, 1, 2];
  // Values are moved as bits, whatever number they are.
  const channel = (c: number): Code => [
    ...[...get(value), ...get(pixel), ...load8(PIXELS + c), ...constant(2), ...i32ShiftLeft],
    ...[...load32(TABLES + c * TABLE_BYTES), ...store32(PLANES + c * PLANE_BYTES)],
  ];
  const convert = [
    ...Array.from({ length: CHANNELS }, (_, c) => channel(c)).flat(),
    ...increase(pixel, constant(CHANNELS)),
    ...increase(value, constant(Float32Array.BYTES_PER_ELEMENT)),
  ];
  return moduleOf('convert', 1, vector([2, I32]), countDown(count, convert));
}

const { memory, convert } = instantiate<{ convert: (count: number) => void }>(assemble());
const bytes = new Uint8Array(memory.buffer);
const values = new Float32Array(memory.buffer);

/**
 * Writes the values that tables have for interleaved bytes of three channels, channel after channel.
 * @param tables of 256 values, for each channel
 * @param places of the planes in `out`, for each channel
 */
export function writePlanes(
  pixels: Uint8Array,
  tables: readonly Float32Array[],
  places: readonly number[],
  out: Float32Array,
): void {
  for (const [c, table] of tables.entries()) values.set(table, (TABLES + c * TABLE_BYTES) / 4);
  const total = (pixels.length / CHANNELS) | 0;
  for (let from = 0; from < total; from += MOST_PIXELS) {
    const count = Math.min(MOST_PIXELS, total - from);
    bytes.set(pixels.subarray(CHANNELS * from, CHANNELS * (from + count)), PIXELS);
    convert(count);
    for (const [c, place] of places.entries()) {
      const plane = (PLANES + c * PLANE_BYTES) / 4;
      out.set(values.subarray(plane, plane + count), place + from);
    }
  }
}
