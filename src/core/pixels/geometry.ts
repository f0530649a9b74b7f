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

/** A rectangle of a picture resized to `resized`, in pixels of the resized picture. Beyond its edges all is black. */
export interface Window extends Box {
  resized: Size;
}

type GeometricResize = Exclude<Resize, { mode: 'digit' }>;

/**
 * The size a picture is brought to before anything is cut from it.
 *
 * `shorter_side` follows torchvision's `Resize`: the longer side is `trunc(size * long / short)`.
 * @param scale multiplies the size of the shorter side, for multi-crop at several scales; the result is rounded
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

/** Top left corner of the crop in the middle: `(resized - crop) / 2` rounded half to even. */
export function centreCorner(resized: Size, crop: Size): Point {
  return {
    x: roundHalfToEven((resized.width - crop.width) / 2),
    y: roundHalfToEven((resized.height - crop.height) / 2),
  };
}

/** The smallest box around some; empty around none. */
export function union(boxes: readonly Box[]): Box {
  const [first, ...others] = boxes;
  if (!first) return { x: 0, y: 0, width: 0, height: 0 };
  return others.reduce((a, b) => {
    const [x, y] = [Math.min(a.x, b.x), Math.min(a.y, b.y)];
    const [right, bottom] = [Math.max(a.x + a.width, b.x + b.width), Math.max(a.y + a.height, b.y + b.height)];
    return { x, y, width: right - x, height: bottom - y };
  }, first);
}

/** Just the size of something that has more. */
export function sizeOf({ width, height }: Size): Size {
  return { width, height };
}

/** The nearest integer, ties to the even one, as Python's `round`. */
function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
