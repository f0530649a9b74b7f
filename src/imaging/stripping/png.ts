import { crc32 } from 'node:zlib';
import type { ByteWindow } from '../headers/byte-window.js';
import { chunks, TEXTS } from '../headers/png-chunks.js';
import { exifOf } from '../orientation/exif.js';
import { orientationOf } from '../orientation/orientation.js';
import { exifInRawProfile, inflated, type PngText, pngText } from '../orientation/png-text.js';
import type { Edit } from './splice.js';

/** A lower-case first letter marks an optional chunk. Names that are not four letters are left for the decoder to refuse. */
const ANCILLARY = /^[a-z][A-Za-z]{3}$/;

/**
 * Removes all optional chunks from a PNG, except transparency. As with Pillow, what states the orientation may lie anywhere, and of
 * several chunks of a kind the last counts. At most two texts are inflated.
 */
export function pngEdits(bytes: Uint8Array, file: ByteWindow, keepOrientation: boolean): Edit[] {
  const edits: Edit[] = [];
  const texts = new Map<PngText['kind'], PngText>();
  let exif: Uint8Array | undefined;
  let afterHeader = 0;
  for (const { name, at, end } of chunks(file)) {
    // A truncated chunk stays, so that the decoder refuses it.
    if (end > file.length || name === 'IEND') break;
    if (name === 'IHDR') afterHeader ||= end;
    if (name === 'tRNS' || !ANCILLARY.test(name)) continue;
    edits.push({ at, end });
    const data = bytes.subarray(at + 8, end - 4);
    if (name === 'eXIf') exif = data;
    const text = TEXTS.includes(name) ? pngText(name, data) : undefined;
    if (text) texts.set(text.kind, text);
  }
  if (!keepOrientation || afterHeader === 0) return edits;
  const profile = exif ? undefined : texts.get('raw-profile');
  const raw = profile && inflated(profile);
  const xmp = texts.get('xmp');
  const orientation = orientationOf({ exif: exif ?? (raw && exifInRawProfile(raw)), xmp: xmp && inflated(xmp) });
  // Before the pixels: libvips looks no further.
  return orientation ? [{ at: afterHeader, end: afterHeader, put: pngExifChunk(orientation) }, ...edits] : edits;
}

function pngExifChunk(orientation: number): Uint8Array {
  const exif = exifOf(orientation);
  const chunk = Buffer.alloc(exif.length + 12);
  chunk.writeUInt32BE(exif.length);
  chunk.write('eXIf', 4);
  chunk.set(exif, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, -4)), chunk.length - 4);
  return chunk;
}
