/** Order of the channels of an input tensor. */
export const COLOR_ORDERS = ['RGB', 'BGR', 'GRAY'] as const;
export type ColorOrder = (typeof COLOR_ORDERS)[number];

/** Number of channels of a colour order. */
export function channelsOf(color: ColorOrder): 1 | 3 {
  return color === 'GRAY' ? 1 : 3;
}

/** ITU-R 601 luma of one pixel, 0..255, in Pillow's integer form (`convert('L')`). */
export function luma(red: number, green: number, blue: number): number {
  return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
}
