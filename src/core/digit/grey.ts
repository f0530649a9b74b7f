import { missing } from '../at.js';
import { luma } from '../pixels/luma.js';
import type { Picture } from '../pixels/picture.js';
import type { Plane } from './plane.js';

/** Longer side, in pixels, to which larger pictures are shrunk. */
const WORKING = 480;

/** Grey levels 0..255; pictures over 480 pixels are shrunk by a whole factor (means of blocks). */
export function greyOf({ data, width, height }: Picture): Plane {
  const factor = Math.ceil(Math.max(width, height) / WORKING);
  if (factor > 1) return shrunkGrey(data, width, height, factor);
  const grey = new Float32Array(width * height);
  for (let i = 0, p = 0; i < grey.length; i++, p += 3) grey[i] = luma(data, p);
  return { data: grey, width, height };
}

function shrunkGrey(data: Uint8Array, width: number, height: number, factor: number): Plane {
  const columns = Math.ceil(width / factor);
  const grey = new Float32Array(columns * Math.ceil(height / factor));
  // Levels are whole numbers, and adding integers is faster.
  const sums = new Uint32Array(columns);
  for (let y = 0, p = 0, i = 0; y < height; ) {
    const rows = Math.min(factor, height - y);
    sums.fill(0);
    for (const end = y + rows; y < end; y++) {
      for (let cell = 0, x = 0; x < width; cell++) {
        let sum = sums[cell] ?? missing(cell);
        for (const last = Math.min(width, x + factor); x < last; x++, p += 3) sum += luma(data, p);
        sums[cell] = sum;
      }
    }
    for (let cell = 0; cell < columns; cell++, i++) {
      grey[i] = (sums[cell] ?? missing(cell)) / (rows * Math.min(factor, width - cell * factor));
    }
  }
  return { data: grey, width: columns, height: grey.length / columns };
}
