import type { ByteWindow } from '../headers/byte-window.js';
import { riffChunks } from '../headers/riff-chunks.js';
import { VP8X_FLAGS } from '../headers/webp.js';
import { exifOf } from '../orientation/exif.js';
import { type OrientationSources, orientationOf } from '../orientation/orientation.js';
import { type Edit, splice } from './splice.js';

const KEPT = new Set(['VP8X', 'VP8 ', 'VP8L', 'ALPH', 'ANIM', 'ANMF']);

/**
 * Removes the colour profile, XMP, and every other chunk that is not known to affect pixels. As with Pillow and libvips, metadata that
 * no flag announces do not count, and of several chunks of a kind the first does.
 */
export function stripWebp(bytes: Uint8Array, file: ByteWindow, keepOrientation: boolean): Uint8Array {
  // Only the extended format, whose first chunk is VP8X, has such chunks.
  if (file.length < 30 || file.name(12) !== 'VP8X') return bytes;
  const length = file.u32(4, true);
  const stated = file.u8(20);
  const edits: Edit[] = [];
  const found: OrientationSources = {};
  let place: Edit | undefined;
  for (const { name, at, end } of riffChunks(file)) {
    // A chunk that is truncated or lies after the picture stays, so that the decoder sees it.
    if (end > Math.min(file.length, length + 8)) break;
    if (KEPT.has(name)) continue;
    const edit: Edit = { at, end };
    edits.push(edit);
    const kind = name === 'EXIF' ? 'exif' : name === 'XMP ' ? 'xmp' : undefined;
    if (!kind || !(stated & VP8X_FLAGS[kind])) continue;
    found[kind] ??= bytes.subarray(at + 8, end);
    place ??= edit;
  }
  const orientation = keepOrientation ? orientationOf(found) : undefined;
  if (place && orientation) place.put = webpExifChunk(orientation);
  const stripped = splice(bytes, edits);
  if (stripped === bytes) return bytes;
  const view = new DataView(stripped.buffer);
  view.setUint32(4, length + stripped.length - bytes.length, true);
  const kept = stated & ~(VP8X_FLAGS.icc | VP8X_FLAGS.xmp | VP8X_FLAGS.exif);
  view.setUint8(20, orientation ? kept | VP8X_FLAGS.exif : kept);
  return stripped;
}

function webpExifChunk(orientation: number): Uint8Array {
  const exif = exifOf(orientation);
  const head = Buffer.from('EXIF\0\0\0\0');
  head.writeUInt32LE(exif.length, 4);
  return Buffer.concat([head, exif]);
}
