import { channelsOf } from './color.js';
import type { Manifest, Preprocess } from './manifest.js';

/** Writes interleaved u8 pixels, normalised, as a float32 tensor without its batch dimension. */
export type Normalise = (pixels: Uint8Array, out: Float32Array) => void;

/**
 * Builds the last step of preprocessing: `y = (x * scale - mean) / std` per channel, in the channel order and layout the
 * network wants. A channel has 256 possible values, so the arithmetic is done once for each of them.
 *
 * The returned function takes RGB u8 (height x width x 3), or one byte a pixel where `color` is GRAY, and writes
 * C x H x W (NCHW) or H x W x C (NHWC) values.
 */
export function createNormalise(preprocess: Preprocess, layout: Manifest['input']['layout']): Normalise {
  const channels = channelsOf(preprocess.color);
  const tables = preprocess.mean.map((mean, c) => {
    const std = preprocess.std[c] as number;
    return Float32Array.from({ length: 256 }, (_, x) => (x * preprocess.scale - mean) / std);
  });
  const sourceChannel = preprocess.color === 'BGR' ? [2, 1, 0] : [0, 1, 2];
  return (pixels, out) => {
    const count = pixels.length / channels;
    const planar = layout === 'NCHW';
    for (let c = 0; c < channels; c++) {
      const table = tables[c] as Float32Array;
      const step = planar ? 1 : channels;
      let o = planar ? c * count : c;
      for (let p = sourceChannel[c] as number; p < pixels.length; p += channels) {
        out[o] = table[pixels[p] as number] as number;
        o += step;
      }
    }
  };
}
