import type { Box, Size } from '../core/pixels/geometry.js';
import type { Picture } from '../core/pixels/picture.js';
import type { Decoder } from './decoders/decoder.js';
import { pngDecoder } from './decoders/png/png.js';
import { sharpDecoder } from './decoders/sharp/sharp.js';
import type { AcceptedFormat } from './formats/sniff.js';
import { type DecodeLimits, openFile } from './open-file.js';

/** A decoded picture and the format of its file. */
export interface Decoded extends Picture {
  format: AcceptedFormat;
}

/** Decoders that cost less than sharp for pictures that they take, in the order in which they are tried. */
export const QUICK_DECODERS: readonly Decoder[] = [pngDecoder];

/**
 * Decodes a picture to 8-bit RGB, as Pillow's `convert('RGB')` does but for what docs/fidelity.md lists. Takes the first frame of an
 * animation and the first page of a TIFF, puts alpha over white, takes the high byte of 16 bits, and ignores ICC profiles.
 *
 * @param file the bytes of the file
 * @param autoOrient whether to turn the picture as its metadata say
 * @param wanted the part that will be used of a picture of the given size; by default all. Called only for JPEG, of which little
 *   else is then kept; other formats are kept whole.
 * @throws MenagerieError `empty_body`, `not_an_image`, `unsupported_image_format`, `too_many_pixels`, `corrupt_image`
 */
export async function decode(
  file: Uint8Array,
  autoOrient: boolean,
  { maxPixels }: DecodeLimits,
  wanted?: (size: Size) => Box,
): Promise<Decoded> {
  const opened = openFile(file, autoOrient, { maxPixels });
  const { format, bytes, header } = opened;
  const options = { autoOrient, maxPixels, wanted };
  for (const decoder of QUICK_DECODERS) {
    if (header === 'unclear' || !decoder.formats.includes(format) || !decoder.cost(header, bytes.length)) continue;
    const picture = await decoder.decode(opened, options);
    if (picture) return { ...picture, format };
  }
  return { ...(await sharpDecoder.decode(opened, options)), format };
}
