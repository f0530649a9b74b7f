import { missing } from '../at.js';
import type { Picture } from './picture.js';

/** Fraction bits of the weights: an 8-bit colour times two weights must stay below 2^31. */
const FRACTION_BITS = 11;
const ONE = 1 << FRACTION_BITS;
const HALF = 1 << (2 * FRACTION_BITS - 1);

/**
 * Samples a picture at positions between its pixels, with bilinear interpolation. Positions outside give the nearest edge pixel.
 *
 * Positions are rounded to 1/2048 pixel, and colours to the nearest level. Pillow truncates colours, so inside the picture
 * its levels are equal to these or one less.
 *
 * @param picture RGB u8, at least one pixel
 * @param xs columns, from the centre of the first pixel; @param ys rows, as many
 * @param out gets RGB u8 from index `o` on
 */
export function sampleRow(
  { data, width, height }: Picture,
  xs: Float64Array,
  ys: Float64Array,
  out: Uint8Array,
  o: number,
): void {
  const [lastX, lastY, rowLength] = [width - 1, height - 1, width * 3];
  for (let i = 0; i < xs.length; i++, o += 3) {
    // Clamping the position repeats the edge pixels.
    const sourceX = Math.min(Math.max(xs[i] ?? missing(i), 0), lastX);
    const sourceY = Math.min(Math.max(ys[i] ?? missing(i), 0), lastY);
    const left = sourceX | 0;
    const top = sourceY | 0;
    const rightWeight = ((sourceX - left) * ONE + 0.5) | 0;
    const bottomWeight = ((sourceY - top) * ONE + 0.5) | 0;
    const leftWeight = ONE - rightWeight;
    const topWeight = ONE - bottomWeight;
    const p = top * rowLength + left * 3;
    const q = left < lastX ? p + 3 : p;
    const down = top < lastY ? rowLength : 0;
    for (let channel = 0; channel < 3; channel++) {
      const upper =
        (data[p + channel] ?? missing(p + channel)) * leftWeight +
        (data[q + channel] ?? missing(q + channel)) * rightWeight;
      const lower =
        (data[p + down + channel] ?? missing(p + down + channel)) * leftWeight +
        (data[q + down + channel] ?? missing(q + down + channel)) * rightWeight;
      out[o + channel] = (upper * topWeight + lower * bottomWeight + HALF) >> (2 * FRACTION_BITS);
    }
  }
}
