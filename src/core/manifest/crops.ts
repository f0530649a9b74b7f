/** How many crops of a picture a network may be shown. */
export const CROPS = [1, 5, 10, 144] as const;
export type Crops = (typeof CROPS)[number];
