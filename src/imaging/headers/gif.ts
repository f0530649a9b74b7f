import type { ByteSource } from '../../core/byte-source.js';
import { ByteWindow, HeaderDamaged } from './byte-window.js';
import { type PictureHeader, USUAL } from './picture-header.js';

/** Sizes that state the author's screen instead of the picture: libnsgif uses the frame's size then, as browsers do. */
const SCREENS = ['640x480', '640x512', '800x600', '1024x768', '1280x1024', '1600x1200'];
const LARGEST_SCREEN = 2048;

/**
 * Reads the canvas of a GIF: its logical screen, extended to hold the first frame (GIF89a, 18 and 20; libnsgif).
 * @throws HeaderDamaged, HeaderUnclear
 */
export function gifHeader(source: ByteSource): PictureHeader {
  const file = new ByteWindow(source);
  const screen = { width: file.u16(6, true), height: file.u16(8, true) };
  const at = firstGifFrame(file, 13 + tableLength(file.u8(10)));
  const isScreen =
    SCREENS.includes(`${screen.width}x${screen.height}`) || Math.max(screen.width, screen.height) > LARGEST_SCREEN;
  const least = isScreen || screen.width * screen.height === 0 ? { width: 1, height: 1 } : screen;
  const width = Math.max(least.width, file.u16(at + 1, true) + file.u16(at + 5, true));
  const height = Math.max(least.height, file.u16(at + 3, true) + file.u16(at + 7, true));
  const samples = width * height;
  return { ...USUAL, coding: 'gif', width, height, pixelBytes: 4, hasAlpha: true, samples, held: samples };
}

/** Bytes of a colour table, by the flags of its descriptor. */
function tableLength(flags: number): number {
  return flags & 0x80 ? 3 * (2 << (flags & 7)) : 0;
}

/** Offset of the first image descriptor, after extensions in blocks of up to 255 bytes. */
function firstGifFrame(file: ByteWindow, start: number): number {
  let at = start;
  while (file.u8(at) === 0x21) {
    for (at += 2; file.u8(at) > 0; at += 1 + file.u8(at));
    at++;
  }
  if (file.u8(at) !== 0x2c) throw new HeaderDamaged();
  return at;
}
