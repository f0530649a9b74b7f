import type { Window } from './geometry.js';
import type { Filter } from './manifest.js';
import type { Picture } from './picture.js';

// Pillow's `Image.resize`, bit for bit (src/libImaging/Resample.c): the filter is widened by the scale when shrinking,
// weights are rounded to 22-bit fixed point, and values to 8 bits after the horizontal and again after the vertical
// pass. Only the pixels that the wanted window depends on are computed.

const PRECISION_BITS = 22;
const HALF = 1 << (PRECISION_BITS - 1);

interface Kernel {
  /** Radius in source pixels at scale 1. */
  support: number;
  weight(x: number): number;
}

const KERNELS: Record<Filter, Kernel> = {
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  // Keys 1981 with a = -0.5
  bicubic: {
    support: 2,
    weight(x) {
      const t = Math.abs(x);
      if (t < 1) return (1.5 * t - 2.5) * t * t + 1;
      return t < 2 ? (((t - 5) * t + 8) * t - 4) * -0.5 : 0;
    },
  },
  lanczos: { support: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
}

/** The weights of a run of output pixels along one axis. */
interface Taps {
  /** First source pixel of each output pixel. */
  first: Int32Array;
  /** Number of source pixels of each output pixel. */
  count: Int32Array;
  /** Fixed-point weights, `stride` places for each output pixel. */
  weights: Int32Array;
  stride: number;
}

/** Weights of output pixels `offset .. offset + length` when `source` pixels become `target`. */
function tapsOf(source: number, target: number, offset: number, length: number, kernel: Kernel): Taps {
  const scale = source / target;
  const filterScale = Math.max(scale, 1);
  const support = kernel.support * filterScale;
  const stride = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(length);
  const count = new Int32Array(length);
  const weights = new Int32Array(length * stride);
  const exact = new Float64Array(stride);
  // Pillow multiplies by the reciprocal; dividing instead changes the last bit of some weights.
  const inverse = 1 / filterScale;
  for (let i = 0; i < length; i++) {
    const centre = (offset + i + 0.5) * scale;
    const from = Math.max(0, Math.trunc(centre - support + 0.5));
    const n = Math.min(source, Math.trunc(centre + support + 0.5)) - from;
    let sum = 0;
    for (let k = 0; k < n; k++) {
      const w = kernel.weight((k + from - centre + 0.5) * inverse);
      exact[k] = w;
      sum += w;
    }
    for (let k = 0; k < n; k++) {
      const w = (exact[k] as number) / (sum === 0 ? 1 : sum);
      weights[i * stride + k] = Math.trunc((w < 0 ? -0.5 : 0.5) + w * (1 << PRECISION_BITS));
    }
    first[i] = from;
    count[i] = n;
  }
  return { first, count, weights, stride };
}

/**
 * A window of a picture resized to `window.resized`.
 * @param picture RGB u8, height x width x 3
 * @returns RGB u8, `window.height` x `window.width` x 3, equal to Pillow's `resize(...).crop(...)` in every byte
 */
export function resizeWindow(picture: Picture, window: Window, filter: Filter): Uint8Array<ArrayBuffer> {
  const kernel = KERNELS[filter];
  const columns = tapsOf(picture.width, window.resized.width, window.x, window.width, kernel);
  const rows = tapsOf(picture.height, window.resized.height, window.y, window.height, kernel);
  const last = window.height - 1;
  const firstRow = rows.first[0] as number;
  const endRow = (rows.first[last] as number) + (rows.count[last] as number);
  const narrowed = resizeRows(picture, columns, firstRow, endRow);
  return resizeColumns(narrowed, window.width * 3, rows, firstRow);
}

/** The horizontal pass over source rows `firstRow .. endRow`. */
function resizeRows(picture: Picture, taps: Taps, firstRow: number, endRow: number): Uint8Array<ArrayBuffer> {
  const { data } = picture;
  const { first, count, weights, stride } = taps;
  const width = first.length;
  const out = new Uint8Array((endRow - firstRow) * width * 3);
  let o = 0;
  for (let y = firstRow; y < endRow; y++) {
    const row = y * picture.width * 3;
    for (let x = 0; x < width; x++) {
      let r = HALF;
      let g = HALF;
      let b = HALF;
      let p = row + (first[x] as number) * 3;
      let k = x * stride;
      const end = k + (count[x] as number);
      for (; k < end; k++, p += 3) {
        const w = weights[k] as number;
        r = (r + Math.imul(data[p] as number, w)) | 0;
        g = (g + Math.imul(data[p + 1] as number, w)) | 0;
        b = (b + Math.imul(data[p + 2] as number, w)) | 0;
      }
      out[o] = clip8(r);
      out[o + 1] = clip8(g);
      out[o + 2] = clip8(b);
      o += 3;
    }
  }
  return out;
}

/** The vertical pass: `rowLength` bytes a row, the first row of `data` being source row `firstRow`. */
function resizeColumns(data: Uint8Array, rowLength: number, taps: Taps, firstRow: number): Uint8Array<ArrayBuffer> {
  const { first, count, weights, stride } = taps;
  const height = first.length;
  const out = new Uint8Array(height * rowLength);
  const sums = new Int32Array(rowLength);
  for (let y = 0; y < height; y++) {
    sums.fill(HALF);
    let p = ((first[y] as number) - firstRow) * rowLength;
    for (let k = 0; k < (count[y] as number); k++, p += rowLength) {
      const w = weights[y * stride + k] as number;
      for (let i = 0; i < rowLength; i++) {
        sums[i] = ((sums[i] as number) + Math.imul(data[p + i] as number, w)) | 0;
      }
    }
    const o = y * rowLength;
    for (let i = 0; i < rowLength; i++) out[o + i] = clip8(sums[i] as number);
  }
  return out;
}

function clip8(sum: number): number {
  const value = sum >> PRECISION_BITS;
  return value < 0 ? 0 : value > 255 ? 255 : value;
}
