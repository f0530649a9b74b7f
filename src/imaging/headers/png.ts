import type { ByteSource } from '../../core/byte-source.js';
import { ByteWindow, HeaderDamaged, HeaderUnclear } from './byte-window.js';
import { type PictureHeader, USUAL } from './picture-header.js';
import { chunks } from './png-chunks.js';

/** Channels by colour type: grey, RGB, palette (expanded by libvips), grey with alpha, RGBA. */
const CHANNELS: Record<number, number> = { 0: 1, 2: 3, 3: 3, 4: 2, 6: 4 };

/**
 * Reads a PNG's IHDR and the names of the chunks before its pixels (PNG specification, third edition, 11.2.1 and 11.3).
 * @throws HeaderDamaged
 */
export function pngHeader(source: ByteSource): PictureHeader {
  const file = new ByteWindow(source);
  if (file.name(12) !== 'IHDR') throw new HeaderDamaged();
  const [width, height, depth, colour] = [file.u32(16), file.u32(20), file.u8(24), file.u8(25)];
  const channels = CHANNELS[colour];
  if (width === 0 || height === 0 || !channels) throw new HeaderDamaged();
  const interlaced = file.u8(28) !== 0;
  const before = new Set(namesBeforePixels(file));
  const known = before.has('IDAT');
  const transparent = before.has('tRNS') || !known;
  const hasAlpha = colour >= 4 || transparent;
  const pixelBytes = (channels + (colour < 4 && transparent ? 1 : 0)) * (depth === 16 ? 2 : 1);
  const samples = width * height * pixelBytes;
  return {
    ...USUAL,
    ...{ width, height, pixelBytes, hasAlpha },
    ...(interlaced ? { coding: 'png-interlaced', held: samples } : { coding: 'png' }),
    samples,
    mayTurn: before.has('eXIf') || !known,
    plain: known,
  };
}

/** Names of chunks up to and including the first IDAT, or fewer if that is too far into the file. */
function* namesBeforePixels(file: ByteWindow): Generator<string> {
  try {
    for (const { name } of chunks(file)) {
      yield name;
      if (name === 'IDAT') return;
    }
  } catch (error) {
    if (!(error instanceof HeaderUnclear || error instanceof HeaderDamaged)) throw error;
  }
}
