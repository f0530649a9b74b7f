import type { ByteSource } from '../../core/byte-source.js';
import { ByteWindow, HeaderDamaged, HeaderUnclear, HeaderUnsupported } from './byte-window.js';
import { isFrameHeader, orientationData, type Segment, SOS, segments } from './jpeg-segments.js';
import { type PictureHeader, USUAL } from './picture-header.js';

const SEARCHED_AT_ONCE = 1 << 20;
/** The most scans that a progressive JPEG of four channels can have: 64 coefficients in 14 steps per channel (T.81, G.1.1.1). */
const MOST_SCANS = 4 * 64 * 14;

/**
 * Reads the segments of a JPEG up to its first scan, and counts its scans (ITU-T T.81, B.2.2 and B.2.3).
 * @throws HeaderDamaged, HeaderUnclear, HeaderUnsupported
 */
export function jpegHeader(source: ByteSource): PictureHeader {
  const file = new ByteWindow(source);
  let frame: PictureHeader | undefined;
  let [channels, mayTurn] = [0, false];
  for (const segment of segments(file)) {
    if (orientationData(file, segment)) mayTurn = true;
    if (isFrameHeader(segment.marker)) {
      channels = file.u8(segment.at + 9);
      frame = frameHeader(file, segment, channels);
    }
    if (segment.marker !== SOS || !frame) continue;
    const several = frame.coding.startsWith('jpeg-scans') || file.u8(segment.at + 4) < channels;
    if (!several) return { ...frame, mayTurn };
    const coding = frame.coding.endsWith('arithmetic') ? 'jpeg-scans-arithmetic' : 'jpeg-scans';
    return { ...frame, coding, mayTurn, scans: 1 + scansFrom(source, segment.end), held: frame.samples };
  }
  throw new HeaderDamaged();
}

function frameHeader(file: ByteWindow, { marker, at, end }: Segment, channels: number): PictureHeader {
  // Length (2 bytes), precision (1), height (2), width (2), number of channels (1), and per channel 3 bytes: name, sampling
  // factors, table.
  const size = { height: file.u16(at + 5), width: file.u16(at + 7) };
  // A height of 0 means that it follows the picture, which libjpeg does not support.
  const isWhole = end >= at + 10 + 3 * channels;
  if (size.height === 0 || size.width === 0 || channels === 0 || !isWhole) throw new HeaderDamaged();
  const factors = Array.from({ length: channels }, (_, i) => file.u8(at + 11 + 3 * i));
  const most = Math.max(...factors.map((both) => both >> 4)) * Math.max(...factors.map((both) => both & 15));
  const share = factors.reduce((sum, both) => sum + (both >> 4) * (both & 15), 0) / Math.max(1, most);
  // Baseline, extended and progressive; then the same with arithmetic coding.
  if (![0xc0, 0xc1, 0xc2, 0xc9, 0xca].includes(marker)) throw new HeaderUnsupported('lossless or hierarchical coding');
  const bits = file.u8(at + 4);
  if (bits !== 8) throw new HeaderUnsupported(`${bits} bits per sample`);
  const arithmetic = marker > 0xc8;
  const progressive = (marker & 3) === 2;
  return {
    ...USUAL,
    ...size,
    coding: `jpeg${progressive ? '-scans' : ''}${arithmetic ? '-arithmetic' : ''}`,
    pixelBytes: channels,
    samples: size.width * size.height * share,
    cmyk: channels === 4,
    plain: channels === 3,
  };
}

/**
 * Counts the scans that begin after an offset: within the data of a scan FF DA means nothing else. Searching for DA instead of FF
 * takes the same time whatever the data; in compressed data it is every 256th byte.
 * @throws HeaderUnclear
 */
function scansFrom(source: ByteSource, start: number): number {
  let scans = 0;
  let looksLeft = 1000 + source.length / 64;
  for (let at = start; at < source.length; at += SEARCHED_AT_ONCE - 1) {
    // Parts overlap by one byte, which may be the first of a marker.
    const part = source.slice(at, at + SEARCHED_AT_ONCE);
    const bytes = Buffer.from(part.buffer, part.byteOffset, part.length);
    for (let found = bytes.indexOf(SOS, 1); found >= 0; found = bytes.indexOf(SOS, found + 1)) {
      if (bytes[found - 1] === 0xff && ++scans === MOST_SCANS) return scans;
      if (looksLeft-- < 0) throw new HeaderUnclear();
    }
  }
  return scans;
}
