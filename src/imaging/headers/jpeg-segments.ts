import { type ByteWindow, HeaderDamaged } from './byte-window.js';

/** A piece of a JPEG between its start and its first scan, from its FF on (ITU-T T.81, B.1.1). */
export interface Segment {
  marker: number;
  /** Where FF lies. */
  at: number;
  /** Where the next one begins. */
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
 * The segments of a JPEG up to its first scan, that one included; what lies between them is skipped, as libjpeg does.
 * @throws HeaderDamaged, HeaderUnclear
 */
export function* segments(file: ByteWindow): Generator<Segment> {
  for (let at = 2; ; ) {
    // Any number of FF may come before the marker, and a 0 behind them makes them no marker.
    if (file.u8(at) !== 0xff || file.u8(at + 1) === 0xff || file.u8(at + 1) === 0) {
      at++;
      continue;
    }
    const marker = file.u8(at + 1);
    if (marker === SOI || marker === EOI) throw new HeaderDamaged();
    const alone = marker === TEM || (marker >= RST0 && marker <= RST7);
    const end = at + 2 + (alone ? 0 : file.u16(at + 2));
    if (!alone) yield { marker, at, end };
    if (marker === SOS) return;
    at = end;
  }
}

/** Whether a marker begins a frame header: SOF0 to SOF15 without DHT, JPG and DAC. */
export function isFrameHeader(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
}

/** Whether EXIF data lies in a segment: APP1 that goes on with its name and two zeros. */
export function hasExif(file: ByteWindow, { marker, at, end }: Segment): boolean {
  return marker === APP1 && end - at >= 10 && file.name(at + 4) === 'Exif' && file.u16(at + 8) === 0;
}
