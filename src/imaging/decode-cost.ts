import type { ByteSource } from '../core/byte-source.js';
import type { DecodeCost } from '../core/decode-cost.js';
import { NOMINAL_MS_PER_GMAC } from '../core/units.js';
import { pngCosts } from './decoders/costs/png.js';
import { OPENING, sharpCosts } from './decoders/costs/sharp.js';
import type { DecoderCost, DecoderCosts } from './decoders/decoder.js';
import { type AcceptedFormat, isAccepted, SNIFFED_BYTES, sniff } from './formats/sniff.js';
import { readHeader } from './header.js';
import { HeaderUnsupported } from './headers/byte-window.js';
import { type Coding, type PictureHeader, USUAL } from './headers/picture-header.js';

/** The cost of decoding a picture of a known format. */
export interface DecodeCostByFormat extends DecodeCost {
  format: AcceptedFormat;
}

/** Of the quick decoders of decode.ts, in their order. This file imports no decoder, because the server's own process needs none. */
const QUICK_COSTS: readonly DecoderCosts[] = [pngCosts];

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
    return { format, width: 0, height: 0, ...inGmacs(OPENING), known: true };
  const header = read === 'unclear' ? worst(format, maxPixels) : read;
  const { width, height } = header;
  const cost = inGmacs(costByDecoder(format, header, source.length));
  return { format, width, height, ...cost, known: read !== 'unclear' };
}

function inGmacs({ ms, bytes }: DecoderCost): Pick<DecodeCost, 'gmacs' | 'bytes'> {
  return { gmacs: ms / NOMINAL_MS_PER_GMAC, bytes };
}

/**
 * The time of the decoder that takes such pictures first, but memory for sharp too, which follows if the file is not clean. Quick
 * decoders take small pictures only, so a file that is not costs a few milliseconds more than it counts.
 */
function costByDecoder(format: AcceptedFormat, header: PictureHeader, fileBytes: number): DecoderCost {
  const bySharp = sharpCosts.cost(header, fileBytes);
  for (const { formats, cost } of QUICK_COSTS) {
    const quick = formats.includes(format) ? cost(header, fileBytes) : undefined;
    if (quick) return { ms: quick.ms, bytes: Math.max(quick.bytes, bySharp.bytes) };
  }
  return bySharp;
}

/** Assumed for a header that is not understood, which nearly always has many megabytes of metadata. No quick decoder takes it. */
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
