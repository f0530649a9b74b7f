import sharp, { type Metadata, type Sharp } from 'sharp';
import { MenagerieError } from '../../../core/errors.js';
import { isMemoryRefused, memoryExceeded } from '../../../core/memory-errors.js';
import { type Size, sizeOf } from '../../../core/pixels/geometry.js';
import type { Picture } from '../../../core/pixels/picture.js';
import type { AcceptedFormat } from '../../formats/sniff.js';
import { assertPixels } from '../assert-pixels.js';
import { sharpCosts } from '../costs/sharp.js';
import type { DecodeOptions, Decoder, OpenedFile } from '../decoder.js';
import { keptPart } from '../kept-part.js';
import { decodeCmyk, decodeRgb } from './pixels.js';

type Header = Pick<Metadata, 'width' | 'height' | 'hasAlpha' | 'space'>;

const DECODE_TIMEOUT_S = 30;
const HEADER_DAMAGED = 'The header of the picture is truncated or damaged.';

// One thread per picture: several pictures keep the cores busy. No operation is repeated, so nothing is cached.
sharp.concurrency(1);
sharp.cache(false);

/** Decodes all accepted formats, off the main thread. */
export const sharpDecoder = {
  ...sharpCosts,

  async decode(file: OpenedFile, options: DecodeOptions): Promise<Picture> {
    const { header, pipeline } = await openWithSharp(file, options);
    const { wanted } = options;
    const { width, height } = header;
    const part = file.format === 'jpeg' && wanted ? keptPart(header, wanted(sizeOf(header))) : undefined;
    try {
      if (part) pipeline.extract({ left: part.x, top: part.y, ...sizeOf(part) });
      const picture = await (header.space === 'cmyk' ? decodeCmyk(pipeline) : decodeRgb(pipeline, header.hasAlpha));
      if (!part) return picture;
      if (picture.width !== part.width || picture.height !== part.height) throw new Error('decoded to another size');
      return { ...picture, width, height, part };
    } catch (error) {
      throw decodingFault(error, file.format, header);
    }
  },
} satisfies Decoder;

/**
 * Opens a picture of which nothing has been decoded yet.
 * @throws MenagerieError as `Decoder.decode`
 */
export async function openWithSharp(
  file: OpenedFile,
  options: DecodeOptions,
): Promise<{ header: Header; pipeline: Sharp }> {
  const header = await headerOf(file, options);
  assertPixels(header, options.maxPixels);
  const pipeline = sharp(file.bytes, {
    // As strict as Pillow: refuses a file that ends early or breaks its format, but not one that libjpeg merely warns about
    // (stray bytes before a marker, common from cameras).
    failOn: 'error',
    limitInputPixels: options.maxPixels,
    ignoreIcc: true,
    sequentialRead: true,
  }).timeout({ seconds: DECODE_TIMEOUT_S });
  if (options.autoOrient) pipeline.autoOrient();
  return { header, pipeline };
}

/** What an error of libvips while it decodes says about the picture. */
export function decodingFault(error: unknown, format: AcceptedFormat, { width, height }: Size): MenagerieError {
  if (isMemoryRefused(error)) {
    return memoryExceeded(`Decoding this picture of ${width} x ${height} pixels`, undefined, undefined, error);
  }
  return new MenagerieError('corrupt_image', `The ${format.toUpperCase()} picture is truncated or damaged.`, {
    cause: error,
  });
}

/**
 * The header, with the size after the EXIF orientation is applied (for formats other than JPEG not always).
 *
 * The cost of the picture was computed from the header that is known, so libvips must not find a larger picture in the file.
 */
async function headerOf({ format, bytes, header: known }: OpenedFile, { autoOrient }: DecodeOptions): Promise<Header> {
  if (known !== 'unclear' && known.plain && !(format === 'jpeg' && autoOrient && known.mayTurn)) {
    return { ...known, space: 'srgb' };
  }
  const header = await metadataOf(bytes);
  // Of a TIFF libvips takes any fourth channel for transparency.
  if (known !== 'unclear' && format === 'tiff') header.hasAlpha = known.hasAlpha;
  if (known !== 'unclear' && header.width * header.height > known.width * known.height) {
    throw new MenagerieError('corrupt_image', HEADER_DAMAGED);
  }
  return autoOrient ? { ...header, ...header.autoOrient } : header;
}

async function metadataOf(bytes: Uint8Array): Promise<Metadata> {
  try {
    // The caller applies the limit, so that the error can state the number of pixels.
    return await sharp(bytes, { failOn: 'error', limitInputPixels: false }).metadata();
  } catch (error) {
    throw new MenagerieError('corrupt_image', HEADER_DAMAGED, { cause: error });
  }
}
