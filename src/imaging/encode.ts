import sharp from 'sharp';
import type { Picture } from '../core/pixels/picture.js';

/** The picture as a PNG file, which holds its very pixels. */
export async function encodePng({ data, width, height }: Picture): Promise<Uint8Array> {
  const raw = { width, height, channels: 3 } as const;
  // As fast as may be: it is decoded again at once. A copy, as sharp's own memory cannot move to a reader.
  return new Uint8Array(await sharp(data, { raw }).png({ compressionLevel: 0 }).toBuffer());
}
