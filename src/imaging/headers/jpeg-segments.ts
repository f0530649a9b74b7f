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
    if (file.u8(at) !== 0xff || file.u8(at + 1) === 0xff || file.u8(at + 1) === 0) {
      at++;
      continue;
    }
    const marker = file.u8(at + 1);
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

/** Whether a segment holds EXIF data: APP1 with `Exif` and two zeros. */
export function hasExif(file: ByteWindow, { marker, at, end }: Segment): boolean {
  return marker === APP1 && end - at >= 10 && file.name(at + 4) === 'Exif' && file.u16(at + 8) === 0;
}
