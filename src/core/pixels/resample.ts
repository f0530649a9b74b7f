import { missing } from '../at.js';
import type { Filter } from '../manifest/manifest.js';
import type { Box, Size, Window } from './geometry.js';
import type { Picture } from './picture.js';
import { PRECISION_BITS, scratch, weightedSums } from './wasm/weighted-sums.js';

// Pillow's `Image.resize`, bit for bit (src/libImaging/Resample.c): the filter is widened by the scale when shrinking,
// coefficients are rounded to 22-bit fixed point, and values to 8 bits after the horizontal and again after the vertical
// pass. Only the pixels that the requested window depends on are computed.

interface Kernel {
  /** Radius in source pixels at scale 1. */
  support: number;
  at(x: number): number;
}

const KERNELS: Record<Filter, Kernel> = {
  bilinear: { support: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
  // Keys 1981 with a = -0.5
  bicubic: {
    support: 2,
    at(x) {
      const t = Math.abs(x);
      if (t < 1) return (1.5 * t - 2.5) * t * t + 1;
      return t < 2 ? (((t - 5) * t + 8) * t - 4) * -0.5 : 0;
    },
  },
  lanczos: { support: 3, at: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
}

/** The coefficients of consecutive output pixels along one axis. */
interface Taps {
  /** First source pixel of each output pixel, in ascending order. */
  first: Int32Array;
  /** Number of source pixels of each output pixel; unused ones have the coefficient 0. */
  count: number;
  /** Fixed-point coefficients, `count` for each output pixel. */
  coefficients: Int32Array;
}

/** Coefficients of output pixels `offset .. offset + length` when `source` pixels are resized to `target`. */
function tapsOf(source: number, target: number, offset: number, length: number, kernel: Kernel): Taps {
  const scale = source / target;
  const filterScale = Math.max(scale, 1);
  const support = kernel.support * filterScale;
  // The most pixels that an interval of 2 x support can touch.
  const count = Math.min(source, Math.floor(2 * support) + 2);
  const first = new Int32Array(length);
  const coefficients = new Int32Array(length * count);
  const exact = new Float64Array(count);
  // Pillow multiplies by the reciprocal; dividing instead changes the last bit of some coefficients.
  const inverse = 1 / filterScale;
  for (let i = 0; i < length; i++) {
    const centre = (offset + i + 0.5) * scale;
    const from = Math.max(0, Math.trunc(centre - support + 0.5));
    const n = Math.min(source, Math.trunc(centre + support + 0.5)) - from;
    let sum = 0;
    for (let k = 0; k < n; k++) {
      const w = kernel.at((k + from - centre + 0.5) * inverse);
      exact[k] = w;
      sum += w;
    }
    // Near the end of the source, start earlier, so that all `count` pixels lie inside.
    const shift = Math.max(0, from + count - source);
    first[i] = from - shift;
    for (let k = 0; k < n; k++) {
      const w = (exact[k] ?? missing(k)) / (sum === 0 ? 1 : sum);
      coefficients[i * count + shift + k] = Math.trunc((w < 0 ? -0.5 : 0.5) + w * (1 << PRECISION_BITS));
    }
  }
  return { first, count, coefficients };
}

/** The first source pixel of consecutive output pixels, and one past the last. */
function spanOf({ first, count }: Taps): [number, number] {
  return [first[0] ?? missing(0), (first[first.length - 1] ?? missing(first.length - 1)) + count];
}

/** The same for output pixels `offset .. offset + length`, computed from the first and the last of them alone. */
function sourceOf(source: number, target: number, offset: number, length: number, kernel: Kernel): [number, number] {
  const [start] = spanOf(tapsOf(source, target, offset, 1, kernel));
  const [, end] = spanOf(tapsOf(source, target, offset + length - 1, 1, kernel));
  return [start, end];
}

/** The part of a picture that a window of the resized picture depends on. */
export function sourceWindow(source: Size, { x, y, width, height, resized }: Window, filter: Filter): Box {
  const kernel = KERNELS[filter];
  const [left, right] = sourceOf(source.width, resized.width, x, width, kernel);
  const [top, bottom] = sourceOf(source.height, resized.height, y, height, kernel);
  return { x: left, y: top, width: right - left, height: bottom - top };
}

/**
 * Resizes a picture to `window.resized`, and returns the window.
 * @param picture RGB u8, height x width x 3; its `part`, if any, must contain `sourceWindow`
 * @returns RGB u8, `window.height` x `window.width` x 3, equal to Pillow's `resize(...).crop(...)` in every byte
 */
export function resizeWindow(picture: Picture, window: Window, filter: Filter): Uint8Array<ArrayBuffer> {
  const kernel = KERNELS[filter];
  const { width, height } = window;
  const columns = tapsOf(picture.width, window.resized.width, window.x, width, kernel);
  const rows = tapsOf(picture.height, window.resized.height, window.y, height, kernel);
  const [left, right] = spanOf(columns);
  const rowLength = width * 3;
  const groups = Math.ceil(rowLength / 4);

  // Sums are computed for four bytes at a time: three channels and a byte to be overwritten, or four bytes of a row.
  const layout = new ScratchLayout();
  const columnOffsets = layout.place(4 * width);
  const columnCoefficients = layout.place(4 * columns.coefficients.length);
  const rowOffsets = layout.place(4 * groups);
  const rowCoefficients = layout.place(4 * rows.coefficients.length);
  const sourceRow = layout.place(3 * (right - left) + 4);
  const strip = layout.place(rowLength * rows.count + 4);
  const outRow = layout.place(4 * groups);
  const memory = scratch(layout.size);
  const bytes = new Uint8Array(memory);
  new Int32Array(memory, columnOffsets).set(columns.first.map((first) => (first - left) * 3));
  new Int32Array(memory, columnCoefficients).set(columns.coefficients);
  new Int32Array(memory, rowOffsets).set(Int32Array.from({ length: groups }, (_, i) => 4 * i));
  new Int32Array(memory, rowCoefficients).set(rows.coefficients);

  const part = picture.part ?? { x: 0, y: 0, width: picture.width };
  const out = new Uint8Array(height * rowLength);
  // The strip holds the horizontally resized source rows `top .. bottom`, on which the output row depends.
  let top = rows.first[0] ?? missing(0);
  let bottom = top;
  for (let y = 0; y < height; y++) {
    const first = rows.first[y] ?? missing(y);
    if (first > top) bytes.copyWithin(strip, strip + (first - top) * rowLength, strip + (bottom - top) * rowLength);
    top = first;
    for (; bottom < first + rows.count; bottom++) {
      const start = (bottom - part.y) * part.width - part.x;
      bytes.set(picture.data.subarray((start + left) * 3, (start + right) * 3), sourceRow);
      const target = strip + (bottom - top) * rowLength;
      weightedSums(target, 3, width, sourceRow, columnOffsets, 3, columns.count, columnCoefficients, 4 * columns.count);
    }
    weightedSums(outRow, 4, groups, strip, rowOffsets, rowLength, rows.count, rowCoefficients + 4 * y * rows.count, 0);
    out.set(bytes.subarray(outRow, outRow + rowLength), y * rowLength);
  }
  return out;
}

/** Assigns consecutive addresses in the scratch memory. */
class ScratchLayout {
  /** Bytes. */
  size = 0;

  /** The address of `length` bytes, divisible by 4. */
  place(length: number): number {
    const address = this.size;
    this.size += Math.ceil(length / 4) * 4;
    return address;
  }
}
