import { bytesInMemory } from '../core/byte-source.js';
import { ByteWindow } from './headers/byte-window.js';
import type { AcceptedFormat } from './sniff.js';
import { jpegEdits } from './stripping/jpeg.js';
import { pngEdits } from './stripping/png.js';
import { splice } from './stripping/splice.js';
import { stripWebp } from './stripping/webp.js';

/**
 * Removes everything that no pixel depends on: text, profiles, thumbnails, EXIF, unknown parts. Half a megabyte of text in a PNG
 * may inflate to gigabytes, and decoders inflate it even if only the size is read.
 *
 * GIF, TIFF and AVIF stay as they are: libvips inflates only their pixels (a test checks that).
 * @param keepOrientation whether to keep the EXIF orientation, and nothing else of the EXIF data
 * @returns `bytes` itself if there is nothing to remove
 */
export function stripMetadata(bytes: Uint8Array, format: AcceptedFormat, keepOrientation: boolean): Uint8Array {
  const file = new ByteWindow(bytesInMemory(bytes), Number.POSITIVE_INFINITY);
  if (format === 'jpeg') return splice(bytes, jpegEdits(bytes, file, keepOrientation));
  if (format === 'png') return splice(bytes, pngEdits(bytes, file, keepOrientation));
  return format === 'webp' ? stripWebp(bytes, file, keepOrientation) : bytes;
}
