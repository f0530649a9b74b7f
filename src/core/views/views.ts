import type { Crops } from '../manifest/crops.js';
import type { Manifest } from '../manifest/manifest.js';
import { centreCorner, type Point, resizedSize, type Size, sizeOf, type Window } from '../pixels/geometry.js';
import type { LocalWarp } from '../pixels/local-warp.js';

/** One view of a picture: which part of it the network sees, and how it is augmented. */
export interface View {
  /** The crop of the resized picture; a crop larger than the input is resized to it. Undefined for digits. */
  window: Window | undefined;
  /** Mirrored left to right, after everything else except the colour shift. */
  mirrored: boolean;
  /** Rotated and sheared about its centre, in degrees. */
  distortion?: { rotate: number; shear: number };
  /** Deformed in places, after rotation and shear. */
  localWarp?: LocalWarp;
  /** Added to red, green and blue, in levels. */
  colourShift?: readonly [number, number, number];
  /** Weight: the number of equal views, which are computed once. */
  count: number;
}

/** What the pixels of a view depend on: networks of equal geometry share their views. */
export interface Geometry {
  input: Size;
  resize: Manifest['preprocess']['resize'];
  color: Manifest['preprocess']['color'];
}

/** The geometry of a manifest. */
export function geometryOf({ input, preprocess: { resize, color } }: Pick<Manifest, 'input' | 'preprocess'>): Geometry {
  // BGR makes no difference here: red and blue are swapped when pixels are normalised.
  return { input: sizeOf(input), resize, color: color === 'BGR' ? 'RGB' : color };
}

/** GoogLeNet's shorter sides 256, 288, 320 and 352, divided by the first. */
const SCALES = [1, 288 / 256, 320 / 256, 352 / 256];

/**
 * The crops of a picture, in order. Equal crops are merged, with their number as `count`.
 *
 * - 1: the centre (torchvision's `CenterCrop`).
 * - 5: top left, top right, bottom left, bottom right, centre (`FiveCrop`).
 * - 10: the same five, then the five of the mirrored picture (`TenCrop`; Krizhevsky et al. 2012, section 4.1).
 * - 144: four scales; of each the left, centre and right (or top, centre and bottom) square; of each square the four corners,
 *   the centre, and the whole square; each plain and mirrored (Szegedy et al. 2014, section 7).
 * More than one crop requires resize mode `shorter_side` (see `assertViewOptions`).
 */
export function cropViews(source: Size, { input, resize }: Geometry, crops: Crops): View[] {
  if (resize.mode === 'digit') return [{ window: undefined, mirrored: false, count: 1 }];
  const resized = resizedSize(source, resize, input);
  const padding = resize.mode === 'shorter_side' ? (resize.padding ?? 0) : 0;
  // From the padded picture, as torchvision's `Pad` and `FiveCrop` do, in pixels of the one without padding.
  const padded = { width: resized.width + 2 * padding, height: resized.height + 2 * padding };
  const corners = fiveCorners(padded, input).map(({ x, y }) => ({ x: x - padding, y: y - padding }));
  switch (crops) {
    case 1:
      return [plainView(centreCorner(resized, input), input, resized)];
    case 5:
      return merged(corners.map((corner) => plainView(corner, input, resized)));
    case 10:
      return merged(
        [false, true].flatMap((mirrored) =>
          corners.map((corner) => ({
            ...plainView(mirrored ? fromRight(corner, input, resized) : corner, input, resized),
            mirrored,
          })),
        ),
      );
    case 144:
      return merged(SCALES.flatMap((scale) => views36(resizedSize(source, resize, input, scale), input)));
  }
}

/** The crops of one of GoogLeNet's scales: three squares, six crops of each, two mirrors. */
function views36(resized: Size, input: Size): View[] {
  const side = Math.min(resized.width, resized.height);
  const square = { width: side, height: side };
  const last = { x: resized.width - side, y: resized.height - side };
  return [{ x: 0, y: 0 }, centreCorner(resized, square), last].flatMap((at) => {
    const inside = fiveCorners(square, input).map(({ x, y }) =>
      plainView({ x: at.x + x, y: at.y + y }, input, resized),
    );
    return [...inside, plainView(at, square, resized)].flatMap((view) => [view, { ...view, mirrored: true }]);
  });
}

/** The corners of torchvision's `FiveCrop`, in its order. */
function fiveCorners(resized: Size, crop: Size): Point[] {
  const right = resized.width - crop.width;
  const bottom = resized.height - crop.height;
  return [
    { x: 0, y: 0 },
    { x: right, y: 0 },
    { x: 0, y: bottom },
    { x: right, y: bottom },
    centreCorner(resized, crop),
  ];
}

/** The corner, in the picture itself, of a crop of the mirrored picture. */
function fromRight({ x, y }: Point, crop: Size, resized: Size): Point {
  return { x: resized.width - crop.width - x, y };
}

/** The crop at a corner, without augmentation. */
export function plainView(corner: Point, size: Size, resized: Size): View {
  return { window: { ...corner, ...sizeOf(size), resized }, mirrored: false, count: 1 };
}

/** Merges equal views. A square picture has three equal squares, and a picture of the input's size five equal crops. */
export function merged(views: readonly View[]): View[] {
  const byAppearance = new Map<string, View>();
  for (const view of views) {
    const { count, ...appearance } = view;
    const key = JSON.stringify(appearance);
    byAppearance.set(key, { ...appearance, count: count + (byAppearance.get(key)?.count ?? 0) });
  }
  return [...byAppearance.values()];
}
