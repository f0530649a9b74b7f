import { missing } from '../at.js';
import { leastAhead, numbers } from '../pixels/wasm/least.js';
import type { Plane } from './plane.js';

/**
 * A grey opening: the minimum within a square of `radius` around each pixel, and of that the maximum within a square one pixel
 * larger. What is brighter than its surroundings and narrower than the square vanishes.
 */
export function open(plane: Plane, radius: number): Plane {
  // The maximum is the negated minimum of the negated plane.
  return negatedLeast(negatedLeast(plane, radius), radius + 1);
}

/** The negated minimum within a square of `radius` around each pixel. */
function negatedLeast({ data, width, height }: Plane, radius: number): Plane {
  // Pixels that are never the least surround the plane, so that each window begins at its own pixel and has the same size.
  const [columns, rows, window] = [width + 2 * radius, height + 2 * radius, 2 * radius + 1];
  const [count, first] = [columns * rows, radius * columns + radius];
  const values = numbers(count);
  values.fill(Number.POSITIVE_INFINITY, 0, count);
  for (let y = 0; y < height; y++) values.set(data.subarray(y * width, (y + 1) * width), first + y * columns);
  leastAhead(count, 1, window);
  leastAhead(count, columns, window);
  const negated = new Float32Array(data.length);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0, k = y * columns; x < width; x++, i++, k++) negated[i] = -(values[k] ?? missing(k));
  }
  return { data: negated, width, height };
}
