import { at, missing } from '../at.js';
import { channelsOf } from '../manifest/color-order.js';
import type { Manifest, Preprocess } from '../manifest/manifest.js';
import { PIXEL_TYPES, type PixelType, type PixelValues } from './pixel-type.js';
import { writePlanes } from './wasm/planes.js';

/** Writes interleaved u8 pixels, normalised, as the values of a tensor without its batch dimension. */
export type Normalise = (pixels: Uint8Array, out: PixelValues) => void;

/**
 * Builds the last step of preprocessing: `y = (x * scale - mean) / std` per channel, in the channel order and layout of the
 * input tensor. A byte has 256 values, so the arithmetic is done once for each of them.
 *
 * The returned function takes RGB u8 (height x width x 3), or one byte a pixel if `color` is GRAY, and writes
 * C x H x W (NCHW) or H x W x C (NHWC) values.
 *
 * @param type number format of the tensor; see `fitsBytes` for uint8
 */
export function createNormalise(
  preprocess: Preprocess,
  layout: Manifest['input']['layout'],
  type: PixelType,
): Normalise {
  const channels = channelsOf(preprocess.color);
  const { array, encode } = PIXEL_TYPES[type];
  const tables = preprocess.mean.map((mean, c) => {
    const std = at(preprocess.std, c);
    const table: PixelValues = new array(256);
    for (let x = 0; x < table.length; x++) table[x] = encode((x * preprocess.scale - mean) / std);
    return table;
  });
  const swapped = preprocess.color === 'BGR';
  if (layout === 'NCHW' && channels === 3) {
    const floats = tables.filter((table) => table instanceof Float32Array);
    return floats.length > 0 ? floatPlanesOf(floats, swapped) : planesOf(tables, swapped);
  }
  return (pixels, out) => {
    const count = pixels.length / channels;
    const planar = layout === 'NCHW';
    for (let c = 0; c < channels; c++) {
      const table = tables[c] ?? missing(c);
      const step = planar ? 1 : channels;
      let o = planar ? c * count : c;
      for (let p = swapped ? 2 - c : c; p < pixels.length; p += channels) {
        out[o] = table[pixels[p] ?? missing(p)] ?? missing(p);
        o += step;
      }
    }
  };
}

/** Three planes, in a single pass over the pixels: almost twice as fast. */
function planesOf([first, second, third]: readonly PixelValues[], swapped: boolean): Normalise {
  if (!first || !second || !third) throw new Error('Three channels need three means');
  const [ofRed, ofBlue] = swapped ? [third, first] : [first, third];
  return (pixels, out) => {
    const count = (pixels.length / 3) | 0;
    const [r, g, b] = swapped ? [2 * count, count, 0] : [0, count, 2 * count];
    for (let i = 0, p = 0; i < count; i++, p += 3) {
      out[r + i] = ofRed[pixels[p] ?? missing(p)] ?? missing(p);
      out[g + i] = second[pixels[p + 1] ?? missing(p)] ?? missing(p);
      out[b + i] = ofBlue[pixels[p + 2] ?? missing(p)] ?? missing(p);
    }
  };
}

/** The common case: several times as fast again. */
function floatPlanesOf(tables: readonly Float32Array[], swapped: boolean): Normalise {
  const ofBytes = swapped ? tables.toReversed() : tables;
  return (pixels, out) => {
    if (!(out instanceof Float32Array)) throw new Error('The tensor is not of float32');
    const count = (pixels.length / 3) | 0;
    writePlanes(pixels, ofBytes, swapped ? [2 * count, count, 0] : [0, count, 2 * count], out);
  };
}

/** Whether normalised pixels are bytes again, so that a uint8 tensor can hold them exactly. */
export function fitsBytes({ scale, mean, std }: Preprocess): boolean {
  return scale === 1 && mean.every((value) => value === 0) && std.every((value) => value === 1);
}
