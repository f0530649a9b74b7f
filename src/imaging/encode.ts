import sharp from 'sharp';
import type { Picture } from '../core/pixels/picture.js';

/** Encodes a picture as PNG, without loss. */
export async function encodePng({ data, width, height }: Picture): Promise<Uint8Array> {
  const raw = { width, height, channels: 3 } as const;
  // Uncompressed for speed, since it is decoded again at once. A copy, because sharp's own memory cannot be transferred.
  return new Uint8Array(await sharp(data, { raw }).png({ compressionLevel: 0 }).toBuffer());
}
