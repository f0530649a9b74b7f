import { bytesInMemory } from '../../core/byte-source.js';
import { ByteWindow, HeaderDamaged } from '../headers/byte-window.js';
import { firstDirectory } from '../headers/tiff-directory.js';

const ORIENTATION = 0x112;
/** It precedes EXIF data in a JPEG, and some programs write it elsewhere too, or twice. */
const PREFIX = Buffer.from('Exif\0\0');

/**
 * Reads the orientation from EXIF data (Exif 2.32, 4.6.4). Where it stands twice the first counts, as in Pillow and libvips.
 * @returns any number that is stated; 0 if something else than a whole number is; undefined if nothing is
 */
export function orientationInExif(exif: Uint8Array): number | undefined {
  let data = exif;
  while (PREFIX.equals(data.subarray(0, PREFIX.length))) data = data.subarray(PREFIX.length);
  try {
    for (const { tag, bytes, value } of firstDirectory(new ByteWindow(bytesInMemory(data)), new Set([ORIENTATION]))) {
      if (tag === ORIENTATION && bytes > 0) return value ?? 0;
    }
  } catch (error) {
    if (!(error instanceof HeaderDamaged)) throw error;
  }
  return undefined;
}

/** EXIF data with an orientation only: one directory with one SHORT. */
export function exifOf(orientation: number): Uint8Array {
  const exif = Buffer.alloc(26);
  exif.write('MM\0*\0\0\0\b\0\x01', 'latin1');
  exif.writeUInt16BE(ORIENTATION, 10);
  exif.writeUInt16BE(3, 12);
  exif.writeUInt32BE(1, 14);
  exif.writeUInt16BE(orientation, 18);
  return exif;
}
