import { missing } from '../at.js';

/**
 * ITU-R 601 luma of one pixel, 0..255, in Pillow's integer form (`convert('L')`).
 * @param pixels RGB u8, interleaved
 * @param p index of the pixel's red value
 */
export function luma(pixels: Uint8Array, p: number): number {
  const red = pixels[p] ?? missing(p);
  const green = pixels[p + 1] ?? missing(p + 1);
  const blue = pixels[p + 2] ?? missing(p + 2);
  return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
}
