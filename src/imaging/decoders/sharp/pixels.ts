import type { OutputInfo, Sharp } from 'sharp';
import type { Picture } from '../../../core/pixels/picture.js';
import { release } from '../../../core/pixels/release.js';

/** Decodes to RGB, what is transparent over white. */
export async function decodeRgb(pipeline: Sharp, hasAlpha: boolean): Promise<Picture> {
  if (hasAlpha) pipeline.flatten({ background: '#ffffff' });
  else pipeline.removeAlpha();
  const { data, info } = await pixelsOf(pipeline.toColourspace('srgb'));
  if (info.channels !== 3) throw new Error(`decoded to ${info.channels} channels`);
  return { data, width: info.width, height: info.height };
}

/**
 * Decodes CMYK and converts it by Pillow's formula, `(255 - k) * (255 - c) / 255` (libImaging/Convert.c), instead of libvips' press
 * profile, because the networks were trained with it.
 */
export async function decodeCmyk(pipeline: Sharp): Promise<Picture> {
  const { data, info } = await pixelsOf(pipeline.pipelineColourspace('cmyk').toColourspace('cmyk'));
  if (info.channels < 4) throw new Error(`CMYK decoded to ${info.channels} channels`);
  const rgb = new Uint8Array(info.width * info.height * 3);
  const pixels = new DataView(data.buffer, data.byteOffset, data.byteLength);
  for (let p = 0, o = 0; o < rgb.length; p += info.channels, o += 3) {
    const kymc = pixels.getUint32(p, true);
    const light = 255 - (kymc >>> 24);
    for (let c = 0; c < 3; c++) rgb[o + c] = Math.max(0, light - mulDiv255((kymc >>> (8 * c)) & 255, light));
  }
  release(data);
  return { data: rgb, width: info.width, height: info.height };
}

/** `a * b / 255`, rounded, as Pillow's MULDIV255. */
function mulDiv255(a: number, b: number): number {
  const product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

/** Not `toUint8Array`: sharp 0.35.5 never frees its result (measured: the pixels of every picture leak). */
async function pixelsOf(pipeline: Sharp): Promise<{ data: Uint8Array<ArrayBuffer>; info: OutputInfo }> {
  const { data, info } = await pipeline.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  const { buffer, byteOffset, byteLength } = data;
  if (!(buffer instanceof ArrayBuffer)) throw new Error('sharp returned shared memory');
  // A view of sharp's own memory: copying a large photograph takes as long as resizing it.
  return { data: new Uint8Array(buffer, byteOffset, byteLength), info };
}
