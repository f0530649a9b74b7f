import { type ByteWindow, HeaderDamaged } from '../headers/byte-window.js';
import { exifOf, orientationOf } from '../headers/exif.js';
import { APP0, APP14, APP15, COM, hasExif, type Segment, segments } from '../headers/jpeg-segments.js';
import type { Edit } from './splice.js';

/** Offset of EXIF data in its segment: after FF and marker, the length, `Exif` and two zeros. */
const EXIF_AT = 10;

/** Removes comments and application data from a JPEG, except JFIF's and Adobe's, which state the colour space. */
export function jpegEdits(bytes: Uint8Array, file: ByteWindow, keepOrientation: boolean): Edit[] {
  const edits: Edit[] = [];
  let exifWanted = keepOrientation;
  try {
    for (const segment of segments(file)) {
      const { marker, at, end } = segment;
      // A truncated segment stays, so that the decoder refuses it.
      if (!isMetadata(segment) || end > file.length) continue;
      const isExif = exifWanted && hasExif(file, segment);
      if (isExif) exifWanted = false;
      const orientation = isExif ? orientationOf(bytes.subarray(at + EXIF_AT, end)) : undefined;
      edits.push(orientation ? { at, end, put: exifSegment(marker, orientation) } : { at, end });
    }
  } catch (error) {
    // Left to the decoder, which refuses the file.
    if (!(error instanceof HeaderDamaged)) throw error;
  }
  return edits;
}

function isMetadata({ marker }: Segment): boolean {
  return marker === COM || (marker > APP0 && marker <= APP15 && marker !== APP14);
}

function exifSegment(marker: number, orientation: number): Uint8Array {
  const exif = exifOf(orientation);
  const head = Buffer.from([0xff, marker, 0, EXIF_AT - 2 + exif.length, ...Buffer.from('Exif\0\0')]);
  return Buffer.concat([head, exif]);
}
