import type { PictureHeader } from '../../headers/picture-header.js';
import type { DecoderCost, DecoderCosts } from '../decoder.js';

/** Above this sharp is faster. */
const MOST_PIXELS = 2e6;
/** Larger files of so few pixels are not photographs. The WebAssembly's memory is bounded, and holds the file. */
const MOST_BYTES = 4 << 20;

/** Milliseconds for any picture, per million pixels and per million bytes of the file: measured as those of sharp. */
const [FIXED_MS, PIXELS_MS, FILE_MS] = [0.5, 4, 16];
/** Bytes for any picture: code, tables and rows; and per pixel. */
const [FIXED_BYTES, PIXEL_BYTES] = [2e6, 3];

/** Baseline JPEG of one scan, below 2 megapixels, in colour or grey, that is not to be turned. */
export const jpegCosts = {
  name: 'jpeg',
  formats: ['jpeg'],
  cost: ({ coding, cmyk, mayTurn, width, height }: PictureHeader, fileBytes: number): DecoderCost | undefined => {
    const pixels = width * height;
    if (coding !== 'jpeg' || cmyk || mayTurn || pixels > MOST_PIXELS || fileBytes > MOST_BYTES) return undefined;
    return {
      ms: FIXED_MS + (pixels * PIXELS_MS + fileBytes * FILE_MS) / 1e6,
      bytes: FIXED_BYTES + pixels * PIXEL_BYTES + fileBytes,
    };
  },
} satisfies DecoderCosts;
