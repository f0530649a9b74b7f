import { type ByteWindow, HeaderDamaged } from '../headers/byte-window.js';
import { type DirectoryEntry, firstDirectory } from '../headers/tiff-directory.js';
import { orientationOf } from '../orientation/orientation.js';
import type { Edit } from './splice.js';

const [ORIENTATION, XMP] = [274, 700];

/**
 * Leaves a TIFF as it is, unless its orientation is stated in XMP alone, which libvips does not read. The directory entry of the XMP
 * becomes one of an orientation then.
 */
export function tiffEdits(bytes: Uint8Array, file: ByteWindow, keepOrientation: boolean): Edit[] {
  if (!keepOrientation) return [];
  let xmp: DirectoryEntry | undefined;
  try {
    for (const entry of firstDirectory(file, new Set([ORIENTATION, XMP]))) {
      if (entry.tag === ORIENTATION) return [];
      if (entry.tag === XMP) xmp ??= entry;
    }
  } catch (error) {
    // Left to the decoder, which refuses the file.
    if (!(error instanceof HeaderDamaged)) throw error;
  }
  if (xmp?.place === undefined) return [];
  const { at, place } = xmp;
  const orientation = orientationOf({ xmp: bytes.subarray(place, place + xmp.bytes) });
  if (!orientation) return [];
  const put = orientationEntry(file, orientation);
  return [{ at, end: at + put.length, put }];
}

/** An entry of one SHORT: tag, type, count, value. A BigTIFF has count and value in eight bytes each. */
function orientationEntry(file: ByteWindow, orientation: number): Uint8Array {
  const little = file.u16(0) === 0x4949;
  const big = file.u16(2, little) === 43;
  const entry = new DataView(new ArrayBuffer(big ? 20 : 12));
  entry.setUint16(0, ORIENTATION, little);
  entry.setUint16(2, 3, little);
  if (big) entry.setBigUint64(4, 1n, little);
  else entry.setUint32(4, 1, little);
  entry.setUint16(big ? 12 : 8, orientation, little);
  return new Uint8Array(entry.buffer);
}
