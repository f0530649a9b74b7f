import { crc32 } from 'node:zlib';
import type { ByteWindow } from '../headers/byte-window.js';
import { exifOf, orientationOf } from '../headers/exif.js';
import { chunks } from '../headers/png-chunks.js';
import type { Edit } from './splice.js';

/** A lower-case first letter marks an optional chunk. Names that are not four letters are left for the decoder to refuse. */
const ANCILLARY = /^[a-z][A-Za-z]{3}$/;

/** Removes all optional chunks from a PNG, except transparency. */
export function pngEdits(bytes: Uint8Array, file: ByteWindow, keepOrientation: boolean): Edit[] {
  const edits: Edit[] = [];
  let exifWanted = keepOrientation;
  for (const { name, at, end } of chunks(file)) {
    // A truncated chunk stays, so that the decoder refuses it.
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
