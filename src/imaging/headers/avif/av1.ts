import { type ByteWindow, HeaderDamaged, HeaderUnclear } from '../byte-window.js';

/** What determines the cost of decoding the AV1 data of one picture. */
export interface Av1 {
  /** Whether it has more than 8 bits per channel. Also true if that is not easily known. */
  isDeep: boolean;
  /** Whether colour may be at full resolution, not subsampled. */
  isFull: boolean;
  /** Frames, shown or not. */
  frames: number;
}

const [SEQUENCE_HEADER, FRAME_HEADER, FRAME] = [1, 3, 6];

/**
 * Reads the AV1 data between two offsets of a file (AV1 Bitstream Specification, 5.3 and 5.5).
 * @throws HeaderDamaged, HeaderUnclear
 */
export function av1(file: ByteWindow, start: number, end: number): Av1 {
  let sequence: Omit<Av1, 'frames'> | undefined;
  let frames = 0;
  for (let at = start; at < end; ) {
    const header = file.u8(at++);
    const type = (header >> 3) & 15;
    if (header & 4) at++;
    const unit = header & 2 ? sizedUnit(file, at) : { at, end };
    if (type === SEQUENCE_HEADER) {
      // A second one may state a larger picture than the file does.
      if (sequence) throw new HeaderUnclear();
      sequence = sequenceHeader(file, unit.at);
    }
    if (type === FRAME_HEADER || type === FRAME) frames++;
    at = unit.end;
  }
  if (!sequence) throw new HeaderDamaged();
  return { ...sequence, frames };
}

/** Profile 0 has subsampled colour; profile 2 may have 12 bits per channel. */
function sequenceHeader(file: ByteWindow, start: number): Omit<Av1, 'frames'> {
  let at = 0;
  const bits = (count: number) => {
    let value = 0;
    for (let i = 0; i < count; i++, at++) value = value * 2 + ((file.u8(start + (at >> 3)) >> (7 - (at & 7))) & 1);
    return value;
  };
  const profile = bits(3);
  bits(1);
  const isReduced = bits(1) === 1;
  if (!isReduced || profile > 1) return { isDeep: true, isFull: profile > 0 };
  // Level; the number of bits of width and of height; width and height; flags of six tools; then high_bitdepth.
  bits(5);
  const [widthBits, heightBits] = [1 + bits(4), 1 + bits(4)];
  bits(widthBits + heightBits + 6);
  return { isDeep: bits(1) === 1, isFull: profile > 0 };
}

/** The range of a unit that begins with its length in LEB128. */
function sizedUnit(file: ByteWindow, start: number): { at: number; end: number } {
  let length = 0;
  for (let i = 0; i < 8; i++) {
    const byte = file.u8(start + i);
    length += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { at: start + i + 1, end: start + i + 1 + length };
  }
  throw new HeaderDamaged();
}
