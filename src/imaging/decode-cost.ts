import type { ByteSource } from '../core/byte-source.js';
import type { DecodeCost } from '../core/decode-cost.js';
import { NOMINAL_MS_PER_GMAC } from '../core/units.js';
import { readHeader } from './header.js';
import { type Coding, type PictureHeader, USUAL } from './headers/picture-header.js';
import { type AcceptedFormat, isAccepted, SNIFFED_BYTES, sniff } from './sniff.js';

/** What decoding a picture of a known format will take. */
export interface DecodeCostByFormat extends DecodeCost {
  format: AcceptedFormat;
}

interface Factors {
  /** Milliseconds for a million pixels, whatever they hold. */
  pixels: number;
  /** Milliseconds for a million samples. */
  samples?: number;
  /** Milliseconds for a million samples in one scan. */
  scans?: number;
  /** Milliseconds for a million bytes of the file. */
  file: number;
  /** Bytes for every sample that the decoder holds at once. */
  held: number;
  /** How much of the file the decoder copies. */
  copies?: number;
  /** Millions of bytes, whatever the size. */
  fixed?: number;
}

/**
 * By coding, on one core of an x64 server. Measured by scripts/measure/measure-decoding.mjs with black pictures and with noise of 1, 4, 12
 * and 49 megapixels; where they differ, the more expensive content counts, but for what its bytes explain.
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

/** Opening a picture, and a little for what comes with it. */
const [FIXED_MS, FIXED_BYTES] = [4, 8e6];
const RESULT_BYTES = 3;
/** Copies of metadata, in the decoder's library, libvips and sharp, one after the other and at once. */
const METADATA_COPIES = 9;
/** Turning needs all pixels at once. */
const TURN_MS = 6;
/** CMYK is converted here, pixel by pixel, from four bytes to three. */
const [CMYK_MS, CMYK_BYTES] = [12, 4];
/** Rows that libvips holds on the way, as it measures: of a picture of few rows all of them twice. */
const rowsHeld = (height: number) => Math.min(2 * height, 640);

/**
 * What decoding a picture will take, from its header and its length alone. Reads a bounded part of the file, in microseconds; of a
 * JPEG in several scans the whole, at the speed of memory.
 *
 * A header that is rare and not understood counts as the worst picture of its format.
 * @param maxPixels width times height of the largest picture that is decoded
 * @returns undefined where the bytes are no picture of an accepted format
 */
export function decodeCost(source: ByteSource, maxPixels: number): DecodeCostByFormat | undefined {
  const format = sniff(source.slice(0, SNIFFED_BYTES));
  if (!format || !isAccepted(format)) return undefined;
  const read = readHeader(source, format);
  if (read === 'damaged')
    return { format, width: 0, height: 0, gmacs: FIXED_MS / NOMINAL_MS_PER_GMAC, bytes: FIXED_BYTES, known: true };
  const header = read === 'unclear' ? worst(format, maxPixels) : read;
  const { width, height } = header;
  return {
    format,
    width,
    height,
    gmacs: milliseconds(header, source.length) / NOMINAL_MS_PER_GMAC,
    bytes: memory(header, source.length),
    known: read !== 'unclear',
  };
}

function milliseconds(header: PictureHeader, fileBytes: number): number {
  const { pixels, samples = 0, scans = 0, file } = FACTORS[header.coding];
  const perPixel = pixels + (header.cmyk ? CMYK_MS : 0) + (header.mayTurn ? TURN_MS : 0);
  const perSample = samples + scans * header.scans;
  const micro = header.width * header.height * perPixel + header.samples * perSample + fileBytes * file;
  return FIXED_MS + micro / 1e6;
}

function memory(header: PictureHeader, fileBytes: number): number {
  const { width, height, pixelBytes } = header;
  const { held, copies = 0, fixed = 0 } = FACTORS[header.coding];
  const perPixel = RESULT_BYTES + (header.cmyk ? CMYK_BYTES : 0) + (header.mayTurn ? pixelBytes : 0);
  const rows = rowsHeld(height) * width * pixelBytes;
  return (
    FIXED_BYTES +
    fixed * 1e6 +
    width * height * perPixel +
    rows +
    header.held * held +
    fileBytes * copies +
    header.metadata * METADATA_COPIES
  );
}

/** A picture of a header that is not understood: nearly always those of many megabytes of metadata. */
function worst(format: AcceptedFormat, maxPixels: number): PictureHeader {
  const width = Math.floor(Math.sqrt(maxPixels));
  const height = Math.floor(maxPixels / width);
  const pixels = width * height;
  const [coding, pixelBytes, samples] = WORST[format];
  return {
    ...USUAL,
    ...{ coding, width, height, pixelBytes, samples: pixels * samples, held: pixels * samples },
    scans: 10,
    mayTurn: true,
    cmyk: format === 'jpeg',
  };
}

/** Coding, bytes of a pixel, samples of a pixel. */
const WORST: Record<AcceptedFormat, [Coding, number, number]> = {
  jpeg: ['jpeg-scans', 4, 4],
  png: ['png-interlaced', 8, 8],
  webp: ['webp-animated', 4, 2],
  avif: ['avif-deep', 4, 1],
  gif: ['gif', 4, 1],
  tiff: ['tiff-packed', 8, 8],
};
