import { channelsOf, luma } from './color.js';
import { prepareDigit } from './digit.js';
import { centreWindow } from './geometry.js';
import type { Manifest } from './manifest.js';
import { createNormalise } from './normalise.js';
import type { Picture } from './picture.js';
import { resizeWindow } from './resample.js';

/** The parts of a manifest that say how a picture becomes a tensor. */
export type Preparation = Pick<Manifest, 'input' | 'preprocess'>;

/** Turns pictures into the input of one network. */
export interface Preparer {
  /** Values of one picture in the tensor: channels x height x width. */
  readonly length: number;
  /** Writes one picture as `length` float32 values. */
  prepare(picture: Picture, out: Float32Array): void;
}

/** Everything from a decoded picture to a network's input tensor, as its manifest says. */
export function createPreparer({ input, preprocess }: Preparation): Preparer {
  const normalise = createNormalise(preprocess, input.layout);
  return {
    length: channelsOf(preprocess.color) * input.height * input.width,
    prepare: (picture, out) => normalise(cropPixels(picture, { input, preprocess }), out),
  };
}

/**
 * The u8 pixels that a network sees of a picture, before normalisation.
 * @returns height x width x 3 RGB, or height x width where `color` is GRAY
 */
export function cropPixels(picture: Picture, { input, preprocess }: Preparation): Uint8Array {
  const { resize, color } = preprocess;
  if (resize.mode === 'digit') return prepareDigit(picture, input);
  const source = color === 'GRAY' ? grey(picture) : picture;
  const pixels = resizeWindow(source, centreWindow(source, resize, input), resize.filter);
  return color === 'GRAY' ? pixels.filter((_, i) => i % 3 === 0) : pixels;
}

/** A picture with its luma in all three channels: grey is taken before resizing, as Pillow's users do. */
function grey(picture: Picture): Picture {
  const data = new Uint8Array(picture.data.length);
  for (let p = 0; p < data.length; p += 3) {
    data.fill(luma(picture.data[p] as number, picture.data[p + 1] as number, picture.data[p + 2] as number), p, p + 3);
  }
  return { ...picture, data };
}
