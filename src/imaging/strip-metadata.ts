import { bytesInMemory } from '../core/byte-source.js';
import type { AcceptedFormat } from './formats/sniff.js';
import { ByteWindow } from './headers/byte-window.js';
import { avifEdits } from './stripping/avif.js';
import { jpegEdits } from './stripping/jpeg.js';
import { pngEdits } from './stripping/png.js';
import { splice } from './stripping/splice.js';
import { tiffEdits } from './stripping/tiff.js';
import { stripWebp } from './stripping/webp.js';

/**
 * Removes everything that no pixel depends on: text, profiles, thumbnails, EXIF, unknown parts. Half a megabyte of text in a PNG
 * may inflate to gigabytes, and decoders inflate it even if only the size is read.
 *
 * Of GIF, TIFF and AVIF libvips inflates only the pixels (a test checks that), so they keep their metadata. What libvips does not
 * understand is put in words that it does: an orientation in XMP, the brand of an animated AVIF.
 * @param keepOrientation whether to keep the orientation, and nothing else of EXIF data and XMP
 * @returns `bytes` itself if there is nothing to change
 */
export function stripMetadata(bytes: Uint8Array, format: AcceptedFormat, keepOrientation: boolean): Uint8Array {
  const file = new ByteWindow(bytesInMemory(bytes), Number.POSITIVE_INFINITY);
  if (format === 'jpeg') return splice(bytes, jpegEdits(bytes, file, keepOrientation));
  if (format === 'png') return splice(bytes, pngEdits(bytes, file, keepOrientation));
  if (format === 'webp') return stripWebp(bytes, file, keepOrientation);
  if (format === 'tiff') return splice(bytes, tiffEdits(bytes, file, keepOrientation));
  return format === 'avif' ? splice(bytes, avifEdits(bytes)) : bytes;
}
