/** How sidecars are called: `picture.jpg.xmp` or `picture.xmp`. */
export const SIDECAR_NAMES = ['full', 'stem'] as const;
export type SidecarNames = (typeof SIDECAR_NAMES)[number];
