import type { Picture } from '../pixels/picture.js';
import type { Plane } from './plane.js';

/**
 * The digit of a picture that has the form of MNIST already: `field` pixels square, bare black or white but for one box whose
 * longer side is `box` pixels, with the centre of mass on the middle pixel.
 * @returns the box, light on black; undefined if the picture has another form
 */
export function mnistDigit({ data, width, height }: Picture, field: number, box: number): Plane | undefined {
  if (width !== field || height !== field) return undefined;
  const paper = data[0] ?? 0;
  if (paper !== 0 && paper !== 255) return undefined;
  let [x0, y0, x1, y1] = [width, height, 0, 0];
  let [mass, sumX, sumY] = [0, 0, 0];
  for (let y = 0, p = 0; y < height; y++) {
    for (let x = 0; x < width; x++, p += 3) {
      const level = data[p];
      if (level !== data[p + 1] || level !== data[p + 2]) return undefined;
      if (level === undefined || level === paper) continue;
      const ink = Math.abs(level - paper);
      mass += ink;
      sumX += ink * x;
      sumY += ink * y;
      x0 = Math.min(x0, x);
      x1 = Math.max(x1, x + 1);
      y0 = Math.min(y0, y);
      y1 = y + 1;
    }
  }
  const middle = Math.floor(field / 2);
  const offCentre = Math.max(Math.abs(sumX / mass - middle), Math.abs(sumY / mass - middle));
  if (Math.max(x1 - x0, y1 - y0) !== box || !(offCentre <= 0.5)) return undefined;
  const ink = new Float32Array((x1 - x0) * (y1 - y0));
  for (let y = y0, i = 0; y < y1; y++) {
    for (let x = x0; x < x1; x++, i++) ink[i] = Math.abs((data[3 * (y * width + x)] ?? paper) - paper);
  }
  return { data: ink, width: x1 - x0, height: y1 - y0 };
}
