import type { ByteSource } from '../core/byte-source.js';
import { avifHeader } from './headers/avif/avif.js';
import { HeaderDamaged, HeaderUnclear } from './headers/byte-window.js';
import { gifHeader } from './headers/gif.js';
import { jpegHeader } from './headers/jpeg.js';
import type { PictureHeader } from './headers/picture-header.js';
import { pngHeader } from './headers/png.js';
import { tiffHeader } from './headers/tiff.js';
import { webpHeader } from './headers/webp.js';
import type { AcceptedFormat } from './sniff.js';

const READERS: Record<AcceptedFormat, (source: ByteSource) => PictureHeader> = {
  jpeg: jpegHeader,
  png: pngHeader,
  webp: webpHeader,
  avif: avifHeader,
  gif: gifHeader,
  tiff: tiffHeader,
};

/**
 * What the header of a picture says, from a bounded part of the file: microseconds, where opening a picture for its header takes
 * libvips a third of a millisecond.
 * @returns `damaged` where no picture can come of the file, `unclear` where one might, but this does not understand it
 */
export function readHeader(source: ByteSource, format: AcceptedFormat): PictureHeader | 'damaged' | 'unclear' {
  try {
    return READERS[format](source);
  } catch (error) {
    if (error instanceof HeaderDamaged) return 'damaged';
    if (error instanceof HeaderUnclear) return 'unclear';
    throw error;
  }
}
