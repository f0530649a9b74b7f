import type { PictureHeader } from '../../headers/picture-header.js';
import type { DecoderCost, DecoderCosts } from '../decoder.js';

/** Above, little is gained: libpng is faster at undoing filters, which makes up for what sharp takes for every picture. */
const MOST_PIXELS = 1 << 16;
/** No plain file is longer: four bytes a pixel that were not compressed, a filter a row, a palette, some hundred chunks of pixels. */
const MOST_FILE_BYTES = 5 * MOST_PIXELS;

/** Small PNGs that are neither interlaced nor to be turned. */
export const pngCosts: DecoderCosts = {
  name: 'png',
  formats: ['png'],
  cost({ coding, mayTurn, width, height, samples }: PictureHeader, fileBytes: number): DecoderCost | undefined {
    const pixels = width * height;
    if (coding !== 'png' || mayTurn || pixels > MOST_PIXELS || fileBytes > MOST_FILE_BYTES) return undefined;
    return { ms: 0.3 + samples * 10e-6, bytes: 1e5 + fileBytes + 2 * samples + 3 * pixels };
  },
};
