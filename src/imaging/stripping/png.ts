import { crc32 } from 'node:zlib';
import type { ByteWindow } from '../headers/byte-window.js';
import { exifOf, orientationOf } from '../headers/exif.js';
import { chunks } from '../headers/png-chunks.js';
import type { Edit } from './splice.js';

/** A small first letter says that a chunk may be left out; other names than of four letters the decoder is to refuse. */
const ANCILLARY = /^[a-z][A-Za-z]{3}$/;

/** What goes of a PNG: all chunks that may be left out, but transparency. */
export function pngEdits(bytes: Uint8Array, file: ByteWindow, keepOrientation: boolean): Edit[] {
  const edits: Edit[] = [];
  let exifWanted = keepOrientation;
  for (const { name, at, end } of chunks(file)) {
    // Cut off: the decoder is to see that.
    if (end > file.length || name === 'IEND') break;
    if (name === 'tRNS' || !ANCILLARY.test(name)) continue;
    const isExif = exifWanted && name === 'eXIf';
    if (isExif) exifWanted = false;
    const orientation = isExif ? orientationOf(bytes.subarray(at + 8, end - 4)) : undefined;
    edits.push(orientation ? { at, end, put: pngExifChunk(orientation) } : { at, end });
  }
  return edits;
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
