import { type ByteWindow, HeaderDamaged } from './byte-window.js';

/** A marker segment of a JPEG (ITU-T T.81, B.1.1). */
export interface Segment {
  marker: number;
  /** Offset of the marker's FF. */
  at: number;
  /** Offset of the next segment. */
  end: number;
}

export const SOS = 0xda;
export const APP0 = 0xe0;
export const APP14 = 0xee;
export const APP15 = 0xef;
export const COM = 0xfe;
const APP1 = 0xe1;
const [TEM, RST0, RST7, SOI, EOI] = [0x01, 0xd0, 0xd7, 0xd8, 0xd9];

/**
 * The segments of a JPEG up to and including its first scan. Bytes between segments are skipped, as libjpeg does.
 * @throws HeaderDamaged, HeaderUnclear
 */
export function* segments(file: ByteWindow): Generator<Segment> {
  for (let at = 2; ; ) {
    // Any number of FF may precede a marker; FF 00 is no marker.
    const word = file.u16(at);
    const marker = word & 0xff;
    if (word >> 8 !== 0xff || marker === 0xff || marker === 0) {
      at++;
      continue;
    }
    if (marker === SOI || marker === EOI) throw new HeaderDamaged();
    const hasNoData = marker === TEM || (marker >= RST0 && marker <= RST7);
    const end = at + 2 + (hasNoData ? 0 : file.u16(at + 2));
    if (!hasNoData) yield { marker, at, end };
    if (marker === SOS) return;
    at = end;
  }
}

/** Whether a marker begins a frame header: SOF0 to SOF15, except DHT, JPG and DAC. */
export function isFrameHeader(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
}

/** What precedes EXIF data and XMP in their segments, after the marker and the length. */
const [EXIF, XMP] = ['Exif\0\0', 'http://ns.adobe.com/xap/1.0/\0'];

/** The range of the EXIF data or XMP in a segment (Exif 2.32, 4.7.2; XMP, part 3, 1.1.3), if it has any. */
export function orientationData(
  file: ByteWindow,
  { marker, at, end }: Segment,
): { kind: 'exif' | 'xmp'; start: number; end: number } | undefined {
  if (marker !== APP1) return undefined;
  const begins = (text: string) =>
    end - at >= 4 + text.length && [...text].every((char, i) => file.u8(at + 4 + i) === char.charCodeAt(0));
  if (begins(EXIF)) return { kind: 'exif', start: at + 4 + EXIF.length, end };
  return begins(XMP) ? { kind: 'xmp', start: at + 4 + XMP.length, end } : undefined;
}
