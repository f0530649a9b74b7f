import { missing } from '../at.js';
import { type Bounds, type Plane, tap } from './plane.js';

/**
 * Resizes a rectangle of a plane: the mean of the covered area along an axis that shrinks, linear interpolation along one that
 * grows; at scale 1 the pixels are copied.
 */
export function resize(plane: Plane, box: Bounds, width: number, height: number): Plane {
  const across = coverageOf(box.x1 - box.x0, width);
  const down = coverageOf(box.y1 - box.y0, height);
  const source = plane.data;
  const data = new Float32Array(width * height);
  for (let y = 0, i = 0; y < height; y++) {
    const top = box.y0 + (down.first[y] ?? missing(y));
    for (let x = 0; x < width; x++) {
      const left = box.x0 + (across.first[x] ?? missing(x));
      let sum = 0;
      for (let v = 0; v < down.count; v++) {
        const rowShare = down.shares[y * down.count + v] ?? missing(v);
        if (rowShare === 0) break;
        let at = (top + v) * plane.width + left;
        for (let u = x * across.count; u < (x + 1) * across.count; u++, at++) {
          const share = across.shares[u] ?? missing(u);
          if (share === 0) break;
          sum += share * rowShare * (source[at] ?? missing(at));
        }
      }
      data[i++] = sum;
    }
  }
  return { data, width, height };
}

/** The pixels in each of a number of cells along one axis. */
interface Coverage {
  /** The first pixel in each cell. */
  first: Int32Array;
  /** The most pixels in a cell. */
  count: number;
  /** `count` shares for each cell, which add up to 1; after the last pixel of the cell they are 0. */
  shares: Float64Array;
}

/** For each of `to` cells, the share that each of `from` pixels has in it. */
function coverageOf(from: number, to: number): Coverage {
  const count = from < to ? 2 : Math.ceil(from / to) + 1;
  const [first, shares] = [new Int32Array(to), new Float64Array(to * count)];
  for (let i = 0; i < to; i++) {
    if (from < to) {
      const { first: left, second, part } = tap(i, to, from);
      first[i] = left;
      shares[2 * i] = left === second ? 1 : 1 - part;
      if (left !== second) shares[2 * i + 1] = part;
      continue;
    }
    const [start, end] = [(i * from) / to, ((i + 1) * from) / to];
    const left = Math.floor(start);
    first[i] = left;
    for (let k = left; k < end; k++) {
      shares[i * count + k - left] = ((Math.min(k + 1, end) - Math.max(k, start)) * to) / from;
    }
  }
  return { first, count, shares };
}
