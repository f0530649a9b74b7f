import { missing } from '../at.js';
import type { Plane } from './plane.js';

/**
 * A grey opening: the minimum within a square of `radius` around each pixel, and of that the maximum within a square one pixel
 * larger. What is brighter than its surroundings and narrower than the square vanishes.
 */
export function open(plane: Plane, radius: number): Plane {
  const { width, height } = plane;
  const [turned, data] = [new Float32Array(plane.data.length), new Float32Array(plane.data.length)];
  // The maximum is the negated minimum of the negated plane.
  slideAcross(plane.data, turned, width, height, radius, 1);
  slideAcross(turned, data, height, width, radius, -1);
  slideAcross(data, turned, width, height, radius + 1, 1);
  slideAcross(turned, data, height, width, radius + 1, -1);
  return { data, width, height };
}

/**
 * The minimum, times `sign`, within `radius` pixels to the left and to the right of each pixel; `to` has columns for rows. A
 * window is the end of one block of its length and the start of the next; so it takes three comparisons a pixel, whatever the
 * radius (van Herk 1992; Gil and Werman 1993).
 */
function slideAcross(
  from: Float32Array,
  to: Float32Array,
  width: number,
  height: number,
  radius: number,
  sign: 1 | -1,
): void {
  const [reach, size] = [2 * radius, width + 2 * radius];
  // A row between pixels that are never the least, and for each pixel the least from there to the end of its block.
  const row = new Float32Array(size).fill(Number.POSITIVE_INFINITY);
  const toEnd = new Float32Array(size);
  for (let y = 0, i = 0; y < height; y++) {
    for (let k = radius; k < radius + width; k++) row[k] = from[i++] ?? missing(i);
    for (let block = 0; block < width; block += reach + 1) {
      let least = Number.POSITIVE_INFINITY;
      for (let k = Math.min(block + reach, size - 1); k >= block; k--) {
        least = Math.min(least, row[k] ?? missing(k));
        toEnd[k] = least;
      }
    }
    // The least from the start of a block to `last`. The first window is a whole block.
    let least = Number.POSITIVE_INFINITY;
    for (let x = 0, last = reach, left = 1, o = y; x < width; x++, last++, o += height) {
      least = Math.min(least, row[last] ?? missing(last));
      to[o] = sign * Math.min(least, toEnd[x] ?? missing(x));
      if (--left > 0) continue;
      least = Number.POSITIVE_INFINITY;
      left = reach + 1;
    }
  }
}
