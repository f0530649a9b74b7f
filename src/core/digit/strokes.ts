import { missing } from '../at.js';
import type { Ink } from './marks.js';
import type { Plane } from './plane.js';

/** Mean width of the strokes in pixels: twice their area divided by the length of their outline, which is exact for bars. */
export function strokeThickness({ plane: { data, width }, box }: Ink): number {
  // Above the row, and beside it, there is no ink.
  const above = new Uint8Array(box.x1 - box.x0);
  let [area, outline] = [0, 0];
  for (let y = box.y0; y < box.y1; y++) {
    let left = 0;
    for (let x = 0, i = y * width + box.x0; x < above.length; x++, i++) {
      const level = data[i] ?? missing(i);
      area += level;
      const inked = level >= 128 ? 1 : 0;
      // Every change from paper to ink or back is a piece of the outline.
      outline += (inked ^ left) + (inked ^ (above[x] ?? missing(x)));
      left = inked;
      above[x] = inked;
    }
    outline += left;
  }
  for (let x = 0; x < above.length; x++) outline += above[x] ?? missing(x);
  return (2 * area) / 255 / Math.max(1, outline);
}

/** The maximum within a disc of `radius` around each pixel; the plane grows by the radius on each side. */
export function thicken({ data, width, height }: Plane, radius: number): Plane {
  const reach = Math.ceil(radius);
  const [columns, rows] = [width + 2 * reach, height + 2 * reach];
  const bold = new Float32Array(columns * rows);
  const { offsets, weights } = discOf(radius, columns);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const level = data[i] ?? missing(i);
      // Most of the plane is empty.
      if (level === 0) continue;
      const centre = (y + reach) * columns + x + reach;
      // Inside a stroke each neighbour reaches farther on its side, so only the pixel itself counts.
      const inside =
        x > 0 &&
        y > 0 &&
        x < width - 1 &&
        y < height - 1 &&
        Math.min(data[i - 1] ?? 0, data[i + 1] ?? 0, data[i - width] ?? 0, data[i + width] ?? 0) >= level;
      if (inside) {
        bold[centre] = Math.max(level, bold[centre] ?? missing(centre));
        continue;
      }
      for (let k = 0; k < offsets.length; k++) {
        const at = centre + (offsets[k] ?? missing(k));
        const value = level * (weights[k] ?? missing(k));
        if (value > (bold[at] ?? missing(at))) bold[at] = value;
      }
    }
  }
  return { data: bold, width: columns, height: rows };
}

/** The pixels of a disc: where they are from its centre in a plane, and their weights. */
function discOf(radius: number, columns: number): { offsets: Int32Array; weights: Float64Array } {
  const reach = Math.ceil(radius);
  const [offsets, weights]: number[][] = [[], []];
  for (let y = -reach; y <= reach; y++) {
    for (let x = -reach; x <= reach; x++) {
      // The rim of the disc has partial weights, so that fractional radii differ.
      const weight = Math.min(1, radius + 1 - Math.hypot(x, y));
      if (weight <= 0) continue;
      offsets?.push(y * columns + x);
      weights?.push(weight);
    }
  }
  return { offsets: Int32Array.from(offsets ?? []), weights: Float64Array.from(weights ?? []) };
}
