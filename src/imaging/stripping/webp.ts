import type { ByteWindow } from '../headers/byte-window.js';
import { exifOf, orientationOf } from '../headers/exif.js';
import { riffChunks } from '../headers/riff-chunks.js';
import { VP8X_FLAGS } from '../headers/webp.js';
import { type Edit, splice } from './splice.js';

const KEPT = new Set(['VP8X', 'VP8 ', 'VP8L', 'ALPH', 'ANIM', 'ANMF']);
/** Some programs write this before EXIF data, as in JPEG. */
const EXIF_PREFIX = Buffer.from('Exif\0\0');

/** Removes the colour profile, XMP, and every other chunk that is not known to affect pixels. */
export function stripWebp(bytes: Uint8Array, file: ByteWindow, keepOrientation: boolean): Uint8Array {
  // Only the extended format, whose first chunk is VP8X, has such chunks.
  if (file.length < 30 || file.name(12) !== 'VP8X') return bytes;
  const length = file.u32(4, true);
  const edits: Edit[] = [];
  let exifWanted = keepOrientation;
  let flags = file.u8(20) & ~(VP8X_FLAGS.icc | VP8X_FLAGS.xmp | VP8X_FLAGS.exif);
  for (const { name, at, end } of riffChunks(file)) {
    // A chunk that is truncated or lies after the picture stays, so that the decoder sees it.
    if (end > Math.min(file.length, length + 8)) break;
    if (KEPT.has(name)) continue;
    const isExif = exifWanted && name === 'EXIF';
    if (isExif) exifWanted = false;
    const orientation = isExif ? orientationOf(withoutPrefix(bytes.subarray(at + 8, end))) : undefined;
    if (orientation) flags |= VP8X_FLAGS.exif;
    edits.push(orientation ? { at, end, put: webpExifChunk(orientation) } : { at, end });
  }
  const stripped = splice(bytes, edits);
  if (stripped === bytes) return bytes;
  const view = new DataView(stripped.buffer);
  view.setUint32(4, length + stripped.length - bytes.length, true);
  view.setUint8(20, flags);
  return stripped;
}

function withoutPrefix(exif: Uint8Array): Uint8Array {
  return EXIF_PREFIX.equals(exif.subarray(0, EXIF_PREFIX.length)) ? exif.subarray(EXIF_PREFIX.length) : exif;
}

function webpExifChunk(orientation: number): Uint8Array {
  const exif = exifOf(orientation);
  const head = Buffer.from('EXIF\0\0\0\0');
  head.writeUInt32LE(exif.length, 4);
  return Buffer.concat([head, exif]);
}
