/** ITU-R 601 luma of one pixel, 0..255, in Pillow's integer form (`convert('L')`). */
export function luma(red: number, green: number, blue: number): number {
  return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
}
