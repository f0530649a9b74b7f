import { bytesInMemory } from '../../core/byte-source.js';
import { ByteWindow, HeaderDamaged } from './byte-window.js';
import { firstDirectory } from './tiff-directory.js';

const ORIENTATION = 0x112;

/**
 * Reads the orientation from EXIF data (Exif 2.32, 4.6.4).
 * @param exif the data from its byte order on, without the name that precedes it in a JPEG
 * @returns 2 to 8; undefined if the picture is upright or the orientation is missing
 */
export function orientationOf(exif: Uint8Array): number | undefined {
  try {
    for (const { value } of firstDirectory(new ByteWindow(bytesInMemory(exif)), new Set([ORIENTATION]))) {
      if (value !== undefined) return value >= 2 && value <= 8 ? value : undefined;
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
