import { ACCEPTED_FORMATS } from '../../formats/sniff.js';
import type { Coding, PictureHeader } from '../../headers/picture-header.js';
import type { DecoderCost } from '../decoder.js';

interface Factors {
  /** Milliseconds per million pixels, whatever their content. */
  pixels: number;
  /** Milliseconds per million samples. */
  samples?: number;
  /** Milliseconds per million samples and scan. */
  scans?: number;
  /** Milliseconds per million bytes of the file. */
  file: number;
  /** Bytes per sample that the decoder holds at once. */
  held: number;
  /** Copies of the file that the decoder makes. */
  copies?: number;
  /** Megabytes (10^6 bytes) for a picture of any size. */
  fixed?: number;
}

/**
 * By coding, on one core of an x64 server. Measured by scripts/measure/measure-decoding.mjs with black pictures and with noise of 1, 4, 12
 * and 49 megapixels. Where they differ, the more expensive one counts, less what the size of its file explains.
 */
const FACTORS: Record<Coding, Factors> = {
  jpeg: { pixels: 5, file: 9, held: 0 },
  'jpeg-arithmetic': { pixels: 5, file: 125, held: 0 },
  'jpeg-scans': { pixels: 5, samples: 2.5, scans: 0.15, file: 27, held: 2 },
  'jpeg-scans-arithmetic': { pixels: 5, samples: 2.5, scans: 0.15, file: 130, held: 2 },
  png: { pixels: 7, samples: 1.1, file: 4, held: 0 },
  'png-interlaced': { pixels: 14, samples: 1.5, file: 4, held: 1 },
  webp: { pixels: 10, samples: 18, file: 75, held: 16, fixed: 32 },
  'webp-lossless': { pixels: 8, samples: 20, file: 10, held: 17, fixed: 32 },
  'webp-animated': { pixels: 8, samples: 20, file: 75, held: 16, fixed: 32 },
  avif: { pixels: 12, samples: 20, file: 165, held: 17, copies: 1 },
  'avif-444': { pixels: 12, samples: 29, file: 210, held: 19, copies: 1 },
  'avif-deep': { pixels: 12, samples: 38, file: 210, held: 28, copies: 1 },
  gif: { pixels: 12, file: 4, held: 5 },
  tiff: { pixels: 7, samples: 1.4, file: 0.5, held: 2, copies: 1 },
  'tiff-packed': { pixels: 7, samples: 1.4, file: 4, held: 2, copies: 1 },
  'tiff-coded': { pixels: 7, samples: 1.4, file: 25, held: 2, copies: 1 },
  'tiff-webp': { pixels: 7, samples: 1.4, file: 75, held: 2, copies: 1 },
};

/** For opening a picture, with a small margin. */
export const OPENING: DecoderCost = { ms: 4, bytes: 8e6 };
/** Per pixel of the decoded picture. */
const RESULT_BYTES = 3;
/** Copies of metadata that exist at once in the codec library, libvips and sharp. */
const METADATA_COPIES = 9;
/** Milliseconds per million pixels. Applying the orientation needs all pixels at once. */
const TURN_MS = 6;
/** Milliseconds per million pixels, and bytes per pixel: CMYK is converted here, from four bytes to three. */
const [CMYK_MS, CMYK_BYTES] = [12, 4];
/** Rows that libvips buffers, by its own measurements; all rows twice if the picture has few. */
const rowsHeld = (height: number) => Math.min(2 * height, 640);

/** libvips takes every picture of the accepted formats. */
export const sharpCosts = {
  name: 'sharp',
  formats: ACCEPTED_FORMATS,
  cost: (header: PictureHeader, fileBytes: number): DecoderCost => ({
    ms: milliseconds(header, fileBytes),
    bytes: memory(header, fileBytes),
  }),
};

function milliseconds(header: PictureHeader, fileBytes: number): number {
  const { pixels, samples = 0, scans = 0, file } = FACTORS[header.coding];
  const perPixel = pixels + (header.cmyk ? CMYK_MS : 0) + (header.mayTurn ? TURN_MS : 0);
  const perSample = samples + scans * header.scans;
  const variableNs = header.width * header.height * perPixel + header.samples * perSample + fileBytes * file;
  return OPENING.ms + variableNs / 1e6;
}

function memory(header: PictureHeader, fileBytes: number): number {
  const { width, height, pixelBytes } = header;
  const { held, copies = 0, fixed = 0 } = FACTORS[header.coding];
  const perPixel = RESULT_BYTES + (header.cmyk ? CMYK_BYTES : 0) + (header.mayTurn ? pixelBytes : 0);
  const rows = rowsHeld(height) * width * pixelBytes;
  return (
    OPENING.bytes +
    fixed * 1e6 +
    width * height * perPixel +
    rows +
    header.held * held +
    fileBytes * copies +
    header.metadata * METADATA_COPIES
  );
}
