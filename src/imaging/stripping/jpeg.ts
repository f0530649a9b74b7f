import { type ByteWindow, HeaderDamaged } from '../headers/byte-window.js';
import { APP0, APP14, APP15, COM, orientationData, type Segment, segments } from '../headers/jpeg-segments.js';
import { exifOf } from '../orientation/exif.js';
import { type OrientationSources, orientationOf } from '../orientation/orientation.js';
import type { Edit } from './splice.js';

/**
 * Removes comments and application data from a JPEG, except JFIF's and Adobe's, which state the colour space. As Pillow does, EXIF
 * data in several segments are joined, and of several XMP the last counts.
 */
export function jpegEdits(bytes: Uint8Array, file: ByteWindow, keepOrientation: boolean): Edit[] {
  const edits: Edit[] = [];
  const exif: Uint8Array[] = [];
  const found: OrientationSources = {};
  try {
    for (const segment of segments(file)) {
      const { at, end } = segment;
      // A truncated segment stays, so that the decoder refuses it.
      if (!isMetadata(segment) || end > file.length) continue;
      edits.push({ at, end });
      const data = orientationData(file, segment);
      if (data?.kind === 'exif') exif.push(bytes.subarray(data.start, data.end));
      if (data?.kind === 'xmp') found.xmp = bytes.subarray(data.start, data.end);
    }
  } catch (error) {
    // Left to the decoder, which refuses the file.
    if (!(error instanceof HeaderDamaged)) throw error;
  }
  if (exif.length > 0) found.exif = exif.length === 1 ? exif[0] : Buffer.concat(exif);
  const orientation = keepOrientation ? orientationOf(found) : undefined;
  return orientation ? [{ at: 2, end: 2, put: exifSegment(orientation) }, ...edits] : edits;
}

function isMetadata({ marker }: Segment): boolean {
  return marker === COM || (marker > APP0 && marker <= APP15 && marker !== APP14);
}

function exifSegment(orientation: number): Uint8Array {
  const exif = exifOf(orientation);
  const name = Buffer.from('Exif\0\0');
  return Buffer.concat([Buffer.from([0xff, 0xe1, 0, 2 + name.length + exif.length]), name, exif]);
}
