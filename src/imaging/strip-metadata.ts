import { bytesInMemory } from '../core/byte-source.js';
import { ByteWindow } from './headers/byte-window.js';
import type { AcceptedFormat } from './sniff.js';
import { jpegEdits } from './stripping/jpeg.js';
import { pngEdits } from './stripping/png.js';
import { splice } from './stripping/splice.js';
import { stripWebp } from './stripping/webp.js';

/**
 * A picture's file without what no pixel depends on: text, profiles, thumbnails, EXIF, what is unknown. A PNG's text of half a
 * megabyte may inflate to gigabytes, and decoders do that when they are asked for the size alone.
 *
 * GIF, TIFF and AVIF stay as they are: nothing beside their pixels is inflated (a test holds libvips to that).
 * @param keepOrientation whether EXIF that says how the picture is to be turned stays, reduced to that
 * @returns `bytes` itself where nothing is to go
 */
export function stripMetadata(bytes: Uint8Array, format: AcceptedFormat, keepOrientation: boolean): Uint8Array {
  const file = new ByteWindow(bytesInMemory(bytes), Number.POSITIVE_INFINITY);
  if (format === 'jpeg') return splice(bytes, jpegEdits(bytes, file, keepOrientation));
  if (format === 'png') return splice(bytes, pngEdits(bytes, file, keepOrientation));
  return format === 'webp' ? stripWebp(bytes, file, keepOrientation) : bytes;
}
