import type { ByteSource } from '../core/byte-source.js';
import type { AcceptedFormat } from './formats/sniff.js';
import { avifHeader } from './headers/avif/avif.js';
import { HeaderDamaged, HeaderUnclear, HeaderUnsupported } from './headers/byte-window.js';
import { gifHeader } from './headers/gif.js';
import { jpegHeader } from './headers/jpeg.js';
import type { PictureHeader } from './headers/picture-header.js';
import { pngHeader } from './headers/png.js';
import { tiffHeader } from './headers/tiff.js';
import { webpHeader } from './headers/webp.js';

const READERS: Record<AcceptedFormat, (source: ByteSource) => PictureHeader> = {
  jpeg: jpegHeader,
  png: pngHeader,
  webp: webpHeader,
  avif: avifHeader,
  gif: gifHeader,
  tiff: tiffHeader,
};

/**
 * Reads the header of a picture from a bounded part of the file. Takes microseconds; libvips needs a third of a millisecond.
 * @returns `damaged` if the file cannot be decoded, `unclear` if it perhaps can, but its header is not understood; an error that says
 *   why if its kind is not decoded
 */
export function readHeader(
  source: ByteSource,
  format: AcceptedFormat,
): PictureHeader | 'damaged' | 'unclear' | HeaderUnsupported {
  try {
    return READERS[format](source);
  } catch (error) {
    if (error instanceof HeaderDamaged) return 'damaged';
    if (error instanceof HeaderUnclear) return 'unclear';
    if (error instanceof HeaderUnsupported) return error;
    throw error;
  }
}
