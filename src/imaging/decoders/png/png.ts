import { inflateSync } from 'node:zlib';
import type { Picture } from '../../../core/pixels/picture.js';
import { pngCosts } from '../costs/png.js';
import type { Decoder, OpenedFile } from '../decoder.js';
import { COLOUR, type PngFile, readPng } from './png-file.js';
import { toRgb } from './to-rgb.js';
import { unfilter } from './unfilter.js';

/** Samples of a pixel by colour type. */
const SAMPLES: Record<number, number> = {
  [COLOUR.grey]: 1,
  [COLOUR.rgb]: 3,
  [COLOUR.palette]: 1,
  [COLOUR.greyAlpha]: 2,
  [COLOUR.rgba]: 4,
};

/** Decodes small PNGs in which nothing is unusual with Node's zlib: sharp takes longer to begin. */
export const pngDecoder: Decoder = {
  ...pngCosts,

  async decode({ bytes }: OpenedFile): Promise<Picture | undefined> {
    const file = readPng(bytes);
    if (!file) return undefined;
    const { width, height, depth, colour } = file;
    const pixelBits = depth * (SAMPLES[colour] ?? 1);
    const rowBytes = Math.ceil((width * pixelBits) / 8);
    const filtered = inflated(file, height * (1 + rowBytes));
    const samples = filtered && unfilter(filtered, height, rowBytes, Math.ceil(pixelBits / 8));
    const data = samples && toRgb(file, samples, rowBytes);
    return data && { data, width, height };
  },
};

/**
 * Inflates the pixels, if that gives `length` bytes, uses the whole stream, and nothing of it lies further back than the stream says:
 * libpng, which inflates row by row, would refuse that.
 */
function inflated({ pixels }: PngFile, length: number): Uint8Array | undefined {
  const window = 2 ** (8 + ((pixels[0] ?? 0) >> 4));
  if (window < Math.min(length, 1 << 15)) return undefined;
  try {
    const options = { maxOutputLength: length, chunkSize: Math.max(64, length + 1), info: true };
    const { buffer, engine } = inflateSync(pixels, options) as unknown as Inflated;
    return buffer.length === length && engine.bytesWritten === pixels.length ? buffer : undefined;
  } catch {
    // Whatever it is, sharp says it.
    return undefined;
  }
}

/** With `info`, which @types/node does not know. */
interface Inflated {
  buffer: Buffer;
  /** `bytesWritten` are the bytes that were used. */
  engine: { bytesWritten: number };
}
