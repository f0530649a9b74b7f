import type { ByteSource } from '../../core/byte-source.js';
import { ByteWindow, HeaderDamaged } from './byte-window.js';
import { type Coding, type PictureHeader, USUAL } from './picture-header.js';
import { type RiffChunk, riffChunks } from './riff-chunks.js';

/** Flags in the first byte of VP8X. */
export const VP8X_FLAGS = { icc: 0x20, alpha: 0x10, exif: 0x08, xmp: 0x04, animation: 0x02 };

/**
 * Reads a WebP's size from VP8X, or from the first frame (WebP Container Specification; RFC 6386, 9.1; WebP Lossless, 3).
 * @throws HeaderDamaged, HeaderUnclear
 */
export function webpHeader(source: ByteSource): PictureHeader {
  const file = new ByteWindow(source);
  let canvas: PictureHeader | undefined;
  for (const chunk of riffChunks(file)) {
    if (chunk.name === 'VP8X') canvas ??= extended(file, chunk);
    const coded = chunk.name === 'ANMF' ? firstWebpFrame(file, chunk) : frame(file, chunk);
    if (!coded) continue;
    if (!canvas) return coded;
    // The decoder holds the frame and the canvas at once.
    const samples = canvas.samples + coded.samples;
    if (canvas.coding === 'webp-animated') return { ...canvas, samples, held: samples };
    return { ...canvas, coding: coded.coding };
  }
  throw new HeaderDamaged();
}

function extended(file: ByteWindow, { at }: RiffChunk): PictureHeader {
  const flags = file.u8(at + 8);
  const coding = flags & VP8X_FLAGS.animation ? 'webp-animated' : 'webp';
  const [width, height] = [1 + file.u24(at + 12, true), 1 + file.u24(at + 15, true)];
  return header(
    coding,
    width,
    height,
    (flags & VP8X_FLAGS.alpha) !== 0,
    (flags & (VP8X_FLAGS.exif | VP8X_FLAGS.xmp)) !== 0,
  );
}

function firstWebpFrame(file: ByteWindow, { at }: RiffChunk): PictureHeader | undefined {
  // After the position, size, duration and flags of the frame: 16 bytes.
  for (const chunk of riffChunks(file, at + 24)) {
    const coded = frame(file, chunk);
    if (coded || chunk.name !== 'ALPH') return coded;
  }
  return undefined;
}

function frame(file: ByteWindow, { name, at }: RiffChunk): PictureHeader | undefined {
  if (name === 'VP8 ')
    return header('webp', file.u16(at + 14, true) & 0x3fff, file.u16(at + 16, true) & 0x3fff, false, false);
  if (name !== 'VP8L') return undefined;
  // Signature (1 byte), width - 1 and height - 1 (14 bits each), alpha (1 bit).
  const bits = file.u32(at + 9, true);
  return header('webp-lossless', 1 + (bits & 0x3fff), 1 + ((bits >>> 14) & 0x3fff), ((bits >>> 28) & 1) === 1, false);
}

function header(coding: Coding, width: number, height: number, hasAlpha: boolean, mayTurn: boolean): PictureHeader {
  const samples = width * height;
  return { ...USUAL, coding, width, height, hasAlpha, mayTurn, pixelBytes: hasAlpha ? 4 : 3, samples, held: samples };
}
