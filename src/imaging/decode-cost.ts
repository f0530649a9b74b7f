import type { ByteSource } from '../core/byte-source.js';
import type { DecodeCost } from '../core/decode-cost.js';
import { NOMINAL_MS_PER_GMAC } from '../core/units.js';
import { readHeader } from './header.js';
import { HeaderUnsupported } from './headers/byte-window.js';
import { type Coding, type PictureHeader, USUAL } from './headers/picture-header.js';
import { type AcceptedFormat, isAccepted, SNIFFED_BYTES, sniff } from './sniff.js';

/** The cost of decoding a picture of a known format. */
export interface DecodeCostByFormat extends DecodeCost {
  format: AcceptedFormat;
}

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
const [FIXED_MS, FIXED_BYTES] = [4, 8e6];
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

/**
 * Estimates the cost of decoding a picture, from its header and the length of its file. Reads a bounded part of the file, in
 * microseconds; of a JPEG with several scans all of it, at the speed of memory.
 *
 * A rare header that is not understood counts as the most expensive picture of its format.
 * @param maxPixels width x height of the largest picture that is decoded
 * @returns undefined if the bytes are not a picture of an accepted format
 */
export function decodeCost(source: ByteSource, maxPixels: number): DecodeCostByFormat | undefined {
  const format = sniff(source.slice(0, SNIFFED_BYTES));
  if (!format || !isAccepted(format)) return undefined;
  const read = readHeader(source, format);
  if (read === 'damaged' || read instanceof HeaderUnsupported)
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
  const variableNs = header.width * header.height * perPixel + header.samples * perSample + fileBytes * file;
  return FIXED_MS + variableNs / 1e6;
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

/** Assumed for a header that is not understood, which nearly always has many megabytes of metadata. */
function worst(format: AcceptedFormat, maxPixels: number): PictureHeader {
  const width = Math.floor(Math.sqrt(maxPixels));
  const height = Math.floor(maxPixels / width);
  const pixels = width * height;
  const [coding, pixelBytes, samplesPerPixel] = WORST[format];
  return {
    ...USUAL,
    ...{ coding, width, height, pixelBytes, samples: pixels * samplesPerPixel, held: pixels * samplesPerPixel },
    scans: 10,
    mayTurn: true,
    cmyk: format === 'jpeg',
  };
}

/** The most expensive coding of each format. */
const WORST: Record<AcceptedFormat, [coding: Coding, bytesPerPixel: number, samplesPerPixel: number]> = {
  jpeg: ['jpeg-scans', 4, 4],
  png: ['png-interlaced', 8, 8],
  webp: ['webp-animated', 4, 2],
  avif: ['avif-deep', 4, 1],
  gif: ['gif', 4, 1],
  tiff: ['tiff-packed', 8, 8],
};
