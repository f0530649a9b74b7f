/** Order of the channels of an input tensor. */
export const COLOR_ORDERS = ['RGB', 'BGR', 'GRAY'] as const;
export type ColorOrder = (typeof COLOR_ORDERS)[number];

/** Number of channels in a colour order. */
export function channelsOf(color: ColorOrder): 1 | 3 {
  return color === 'GRAY' ? 1 : 3;
}
