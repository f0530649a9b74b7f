/** The numbers of crops of a picture that can be requested. */
export const CROPS = [1, 5, 10, 144] as const;
export type Crops = (typeof CROPS)[number];
