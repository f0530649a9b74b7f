import type { Resize } from './manifest.js';

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

/** A rectangle of a picture resized to `resized`, in pixels of the resized picture. Beyond its edges all is black. */
export interface Window extends Size, Point {
  resized: Size;
}

type Located = Exclude<Resize, { mode: 'digit' }>;

/**
 * The size a picture is brought to before anything is cut from it.
 *
 * `shorter_side` follows torchvision's `Resize`: the longer side is `trunc(size * long / short)`.
 * @param scale multiplies the size of the shorter side, for multi-crop at several scales; the result is rounded
 */
export function resizedSize(source: Size, resize: Located, input: Size, scale = 1): Size {
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
