import type { Size } from '../core/geometry.js';
import type { Format } from './sniff.js';

/** What there is to know of a picture before it is decoded. */
export interface QuickHeader extends Size {
  hasAlpha: boolean;
  /** Whether it has EXIF data, which may say that the picture is to be turned. Not looked for in a PNG. */
  hasExif: boolean;
}

/**
 * Size and transparency of the commonest pictures from the first bytes of their files: microseconds, where opening a picture
 * for its header takes libvips a third of a millisecond. If the header is damaged, decoding says so.
 * @returns undefined for whatever is not as it is most often
 */
export function quickHeader(bytes: Uint8Array, format: Format): QuickHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (format === 'jpeg') return colourJpeg(view);
  return format === 'png' ? png(view) : undefined;
}

/** A three-channel JPEG, from its segments up to the first scan (ITU-T T.81, B.2; Exif 2.32, 4.5.4). */
function colourJpeg(view: DataView): QuickHeader | undefined {
  let size: Size | undefined;
  let hasExif = false;
  // A segment is FF, its marker, and two bytes with its length from there. A frame header goes on with a byte of
  // precision, two each of height and width, and the number of channels; EXIF data with its name.
  for (let at = 2; at + 10 <= view.byteLength && view.getUint8(at) === 0xff; at += 2 + view.getUint16(at + 2)) {
    const marker = view.getUint8(at + 1);
    if (marker < 0xc0) return undefined;
    if (marker === 0xda) return size && { ...size, hasAlpha: false, hasExif };
    if (marker === 0xe1 && view.getUint32(at + 4) === EXIF) hasExif = true;
    const isFrameHeader = marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (!isFrameHeader) continue;
    size = { height: view.getUint16(at + 5), width: view.getUint16(at + 7) };
    if (view.getUint8(at + 9) !== 3 || size.height === 0) return undefined;
  }
  return undefined;
}

const [EXIF, IHDR, IDAT, TRNS] = ['Exif', 'IHDR', 'IDAT', 'tRNS'].map((name) => Buffer.from(name).readUInt32BE()) as [
  number,
  number,
  number,
  number,
];
const MOST_CHUNKS = 100;

/** A PNG whose picture follows within a hundred chunks (PNG specification, third edition, 5.3, 11.2.1 and 11.3.1.1). */
function png(view: DataView): QuickHeader | undefined {
  // A chunk is its length, its name, its data and four bytes of checksum; the first is IHDR, behind eight bytes of signature.
  if (view.byteLength < 33 || view.getUint32(12) !== IHDR) return undefined;
  const size = { width: view.getUint32(16), height: view.getUint32(20) };
  const colourType = view.getUint8(25);
  if (size.width === 0 || size.height === 0) return undefined;
  let hasAlpha = colourType === 4 || colourType === 6;
  for (let at = 33, chunks = 0; at + 8 <= view.byteLength && chunks < MOST_CHUNKS; chunks++) {
    const name = view.getUint32(at + 4);
    if (name === IDAT) return { ...size, hasAlpha, hasExif: false };
    if (name === TRNS) hasAlpha = true;
    at += 12 + view.getUint32(at);
  }
  return undefined;
}
