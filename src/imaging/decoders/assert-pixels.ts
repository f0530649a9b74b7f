import { MenagerieError } from '../../core/errors.js';
import type { Size } from '../../core/pixels/geometry.js';

/** @throws MenagerieError `too_many_pixels` */
export function assertPixels({ width, height }: Size, maxPixels: number): void {
  if (width * height <= maxPixels) return;
  throw new MenagerieError(
    'too_many_pixels',
    `The picture has ${width} x ${height} = ${width * height} pixels; the limit is ${maxPixels}.`,
  );
}
