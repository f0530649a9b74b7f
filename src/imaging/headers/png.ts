import type { ByteSource } from '../../core/byte-source.js';
import { ByteWindow, HeaderDamaged, HeaderUnclear } from './byte-window.js';
import { type PictureHeader, USUAL } from './picture-header.js';
import { chunks, TEXTS } from './png-chunks.js';

/** Channels by colour type: grey, RGB, palette (expanded by libvips), grey with alpha, RGBA. */
const CHANNELS: Record<number, number> = { 0: 1, 2: 3, 3: 3, 4: 2, 6: 4 };

/** Encoders divide the pixels into chunks of 8 KiB and more, and what follows them matters too. */
const FILE_WINDOWS = 1000;

/**
 * Reads a PNG's IHDR and the names of its chunks (PNG specification, third edition, 11.2.1 and 11.3).
 * @throws HeaderDamaged
 */
export function pngHeader(source: ByteSource): PictureHeader {
  const file = new ByteWindow(source, FILE_WINDOWS);
  if (file.name(12) !== 'IHDR') throw new HeaderDamaged();
  const [width, height, depth, colour] = [file.u32(16), file.u32(20), file.u8(24), file.u8(25)];
  const channels = CHANNELS[colour];
  if (width === 0 || height === 0 || !channels) throw new HeaderDamaged();
  const interlaced = file.u8(28) !== 0;
  const { before, mayTurn } = chunksOf(file);
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
    mayTurn,
    plain: known,
  };
}

/** Texts by the start of their keyword: XMP, and ImageMagick's EXIF data. */
const ORIENTATION_TEXTS = ['XML:', 'Raw '];

/**
 * The names of the chunks up to the first IDAT, that included, and whether any chunk may state an orientation, which may lie behind
 * the pixels too. A file of more chunks than are looked at may.
 */
function chunksOf(file: ByteWindow): { before: Set<string>; mayTurn: boolean } {
  const before = new Set<string>();
  let mayTurn = false;
  try {
    for (const { name, at } of chunks(file)) {
      mayTurn ||= name === 'eXIf' || (TEXTS.includes(name) && ORIENTATION_TEXTS.includes(file.name(at + 8)));
      if (name === 'IEND' || (mayTurn && before.has('IDAT'))) break;
      if (!before.has('IDAT')) before.add(name);
    }
  } catch (error) {
    if (!(error instanceof HeaderUnclear || error instanceof HeaderDamaged)) throw error;
    mayTurn = true;
  }
  return { before, mayTurn };
}
