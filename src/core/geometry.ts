import type { Resize } from './manifest.js';

/** Width and height in pixels. */
export interface Size {
  width: number;
  height: number;
}

/** A rectangle of a picture resized to `resized`, in pixels of the resized picture. */
export interface Window extends Size {
  x: number;
  y: number;
  resized: Size;
}

/**
 * The part of a resized picture that a network sees: which size to resize to and which rectangle to cut.
 *
 * `shorter_side` follows torchvision (`Resize` and `CenterCrop`): the longer side is `trunc(size * long / short)`, the
 * crop's offset `(resized - crop) / 2` rounded half to even. The rectangle may be far smaller than the resized picture
 * (1 x 3000 pixels become 256 x 768000), so nothing outside it should ever be computed.
 */
export function centreWindow(source: Size, resize: Exclude<Resize, { mode: 'digit' }>, input: Size): Window {
  if (resize.mode === 'exact') return { x: 0, y: 0, ...sizeOf(input), resized: sizeOf(input) };
  const short = Math.min(source.width, source.height);
  const resized = {
    width: Math.trunc((resize.size * source.width) / short),
    height: Math.trunc((resize.size * source.height) / short),
  };
  return {
    x: roundHalfToEven((resized.width - input.width) / 2),
    y: roundHalfToEven((resized.height - input.height) / 2),
    ...sizeOf(input),
    resized,
  };
}

function sizeOf({ width, height }: Size): Size {
  return { width, height };
}

/** The nearest integer, ties to the even one, as Python's `round`. */
function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
