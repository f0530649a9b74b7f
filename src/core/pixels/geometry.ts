import type { Resize } from '../manifest/manifest.js';

/** Width and height in pixels. */
export interface Size {
  width: number;
  height: number;
}

/** Pixels from the left and from the top. */
export interface Point {
  x: number;
  y: number;
}

/** A rectangle of a picture. */
export interface Box extends Size, Point {}

/** A rectangle of a picture resized to `resized`, in pixels of the resized picture, which is black beyond its edges. */
export interface Window extends Box {
  resized: Size;
}

type GeometricResize = Exclude<Resize, { mode: 'digit' }>;

/**
 * The size to which a picture is resized before crops are cut from it.
 *
 * `shorter_side` follows torchvision's `Resize`: the longer side is `trunc(size * long / short)`.
 * @param scale factor on the shorter side, for crops at several scales; the product is rounded
 */
export function resizedSize(source: Size, resize: GeometricResize, input: Size, scale = 1): Size {
  if (resize.mode === 'exact') return sizeOf(input);
  const short = Math.min(source.width, source.height);
  const size = Math.round(resize.size * scale);
  return {
    width: Math.trunc((size * source.width) / short),
    height: Math.trunc((size * source.height) / short),
  };
}

/** Top left corner of the centre crop: `(resized - crop) / 2`, rounded half to even. */
export function centreCorner(resized: Size, crop: Size): Point {
  return {
    x: roundHalfToEven((resized.width - crop.width) / 2),
    y: roundHalfToEven((resized.height - crop.height) / 2),
  };
}

/** The smallest box that contains all boxes; empty if there are none. */
export function union(boxes: readonly Box[]): Box {
  const [first, ...others] = boxes;
  if (!first) return { x: 0, y: 0, width: 0, height: 0 };
  return others.reduce((a, b) => {
    const [x, y] = [Math.min(a.x, b.x), Math.min(a.y, b.y)];
    const [right, bottom] = [Math.max(a.x + a.width, b.x + b.width), Math.max(a.y + a.height, b.y + b.height)];
    return { x, y, width: right - x, height: bottom - y };
  }, first);
}

/** The size alone, without other properties. */
export function sizeOf({ width, height }: Size): Size {
  return { width, height };
}

/** Rounds to the nearest integer, ties to even, like Python's `round`. */
function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
