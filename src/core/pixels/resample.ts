import type { Filter } from '../manifest/manifest.js';
import type { Box, Size, Window } from './geometry.js';
import type { Picture } from './picture.js';
import { PRECISION_BITS, scratch, weightedSums } from './weighted-sums.js';

// Pillow's `Image.resize`, bit for bit (src/libImaging/Resample.c): the filter is widened by the scale when shrinking,
// coefficients are rounded to 22-bit fixed point, and values to 8 bits after the horizontal and again after the vertical
// pass. Only the pixels that the wanted window depends on are computed.

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

/** The coefficients of a run of output pixels along one axis. */
interface Taps {
  /** First source pixel of each output pixel: never less than that of the one before. */
  first: Int32Array;
  /** Source pixels of every output pixel; those that have fewer end with coefficients of 0. */
  count: number;
  /** Fixed-point coefficients, `count` for each output pixel. */
  coefficients: Int32Array;
}

/** Coefficients of output pixels `offset .. offset + length` when `source` pixels become `target`. */
function tapsOf(source: number, target: number, offset: number, length: number, kernel: Kernel): Taps {
  const scale = source / target;
  const filterScale = Math.max(scale, 1);
  const support = kernel.support * filterScale;
  // A span of 2 x support touches no more pixels than this, however it is rounded.
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
    // All get `count` source pixels within the picture.
    const shift = Math.max(0, from + count - source);
    first[i] = from - shift;
    for (let k = 0; k < n; k++) {
      const w = (exact[k] as number) / (sum === 0 ? 1 : sum);
      coefficients[i * count + shift + k] = Math.trunc((w < 0 ? -0.5 : 0.5) + w * (1 << PRECISION_BITS));
    }
  }
  return { first, count, coefficients };
}

/** The first source pixel of a run of output pixels, and the one after the last. */
function spanOf({ first, count }: Taps): [number, number] {
  return [first[0] as number, (first[first.length - 1] as number) + count];
}

/** The same of output pixels `offset .. offset + length`, from the coefficients of the first and the last alone. */
function sourceOf(source: number, target: number, offset: number, length: number, kernel: Kernel): [number, number] {
  const [start] = spanOf(tapsOf(source, target, offset, 1, kernel));
  const [, end] = spanOf(tapsOf(source, target, offset + length - 1, 1, kernel));
  return [start, end];
}

/** The part of a picture that a window of it, resized, depends on. */
export function sourceWindow(source: Size, { x, y, width, height, resized }: Window, filter: Filter): Box {
  const kernel = KERNELS[filter];
  const [left, right] = sourceOf(source.width, resized.width, x, width, kernel);
  const [top, bottom] = sourceOf(source.height, resized.height, y, height, kernel);
  return { x: left, y: top, width: right - left, height: bottom - top };
}

/**
 * A window of a picture resized to `window.resized`.
 * @param picture RGB u8, height x width x 3; a part of it must hold `sourceWindow`
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

  // Everything is done in groups of four bytes: three channels and one to be overwritten, or four bytes of a row.
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

  // Of what there is of the picture.
  const part = picture.part ?? { x: 0, y: 0, width: picture.width };
  const out = new Uint8Array(height * rowLength);
  // The strip holds the narrowed source rows `top .. bottom`: those that the output row depends on.
  let top = rows.first[0] as number;
  let bottom = top;
  for (let y = 0; y < height; y++) {
    const first = rows.first[y] as number;
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

/** Places of the scratch memory, one after the other. */
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
