import sharp, { type Metadata, type OutputInfo, type Sharp } from 'sharp';
import { bytesInMemory } from '../core/byte-source.js';
import { MenagerieError } from '../core/errors.js';
import { isMemoryRefused, memoryExceeded } from '../core/memory-errors.js';
import { type Box, type Size, sizeOf } from '../core/pixels/geometry.js';
import type { Picture } from '../core/pixels/picture.js';
import { release } from '../core/pixels/release.js';
import { describeBytes } from './describe-bytes.js';
import { readHeader } from './header.js';
import { HeaderUnsupported } from './headers/byte-window.js';
import { ACCEPTED_FORMATS, type AcceptedFormat, isAccepted, sniff } from './sniff.js';
import { stripMetadata } from './strip-metadata.js';

export interface DecodeLimits {
  /** Width x height, checked from the header. */
  maxPixels: number;
}

/** A decoded picture and the format of its file. */
export interface Decoded extends Picture {
  format: AcceptedFormat;
}

type Header = Pick<Metadata, 'width' | 'height' | 'hasAlpha' | 'space'>;

const DECODE_TIMEOUT_S = 30;
const HEADER_DAMAGED = 'The header of the picture is truncated or damaged.';

// One thread per picture: several pictures keep the cores busy. No operation is repeated, so nothing is cached.
sharp.concurrency(1);
sharp.cache(false);

/**
 * Decodes a picture to 8-bit RGB off the main thread, as Pillow's `convert('RGB')` does but for what docs/fidelity.md lists. Takes
 * the first frame of an animation and the first page of a TIFF, puts alpha over white, takes the high byte of 16 bits, and ignores
 * ICC profiles.
 *
 * @param file the bytes of the file
 * @param autoOrient whether to turn the picture as its metadata say
 * @param wanted the part that will be used of a picture of the given size; by default all. Called only for JPEG, of which little
 *   else is then kept; other formats are kept whole.
 * @throws MenagerieError `empty_body`, `not_an_image`, `unsupported_image_format`, `too_many_pixels`, `corrupt_image`
 */
export async function decode(
  file: Uint8Array,
  autoOrient: boolean,
  limits: DecodeLimits,
  wanted?: (size: Size) => Box,
): Promise<Decoded> {
  const { format, header, pipeline } = await openPicture(file, autoOrient, limits);
  const { width, height } = header;
  const part = format === 'jpeg' && wanted ? keptPart(header, wanted(sizeOf(header))) : undefined;
  try {
    if (part) pipeline.extract({ left: part.x, top: part.y, ...sizeOf(part) });
    const picture = await (header.space === 'cmyk' ? decodeCmyk(pipeline) : decodeRgb(pipeline, header));
    if (!part) return { ...picture, format };
    if (picture.width !== part.width || picture.height !== part.height) throw new Error('decoded to another size');
    return { ...picture, width, height, part, format };
  } catch (error) {
    throw decodingFault(error, format, header);
  }
}

/** A picture that is about to be decoded. */
interface OpenedPicture {
  format: AcceptedFormat;
  header: Header;
  /** Nothing has been decoded yet. */
  pipeline: Sharp;
}

/**
 * Checks all that is known of a file without decoding it.
 * @throws MenagerieError as `decode`
 */
export async function openPicture(file: Uint8Array, autoOrient: boolean, limits: DecodeLimits): Promise<OpenedPicture> {
  const format = acceptedFormat(file);
  const bytes = stripMetadata(file, format, autoOrient);
  const header = await openHeader(bytes, format, autoOrient, limits);
  assertPixels(header, limits);
  const pipeline = open(bytes, limits.maxPixels).timeout({ seconds: DECODE_TIMEOUT_S });
  if (autoOrient) pipeline.autoOrient();
  return { format, header, pipeline };
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

function acceptedFormat(bytes: Uint8Array): AcceptedFormat {
  if (bytes.length === 0) throw new MenagerieError('empty_body', 'The picture is empty: 0 bytes.');
  const format = sniff(bytes);
  const accepted = ACCEPTED_FORMATS.map((name) => name.toUpperCase()).join(', ');
  if (!format) {
    const what = describeBytes(bytes);
    throw new MenagerieError('not_an_image', `This is not a picture but ${what}. Accepted formats: ${accepted}.`);
  }
  if (!isAccepted(format)) {
    throw new MenagerieError(
      'unsupported_image_format',
      `${format.toUpperCase()} is not accepted. Accepted formats: ${accepted}.`,
    );
  }
  return format;
}

function open(bytes: Uint8Array, maxPixels: number): Sharp {
  return sharp(bytes, {
    // As strict as Pillow: refuses a file that ends early or breaks its format, but not one that libjpeg merely warns about
    // (stray bytes before a marker, common from cameras).
    failOn: 'error',
    limitInputPixels: maxPixels,
    ignoreIcc: true,
    sequentialRead: true,
  });
}

/**
 * The wanted columns, from the first wanted row to the last row of the picture, because a file that ends early must be noticed.
 * Less memory also saves time: glibc reuses freed blocks of up to 32 MiB, and the pixels of a 12-megapixel photograph take a
 * little more, so the kernel would provide them anew every time.
 * @returns undefined if that is the whole picture
 */
function keptPart(whole: Size, { x, y, width }: Box): Box | undefined {
  return x === 0 && y === 0 && width === whole.width ? undefined : { x, y, width, height: whole.height - y };
}

/**
 * The header, with the size after the EXIF orientation is applied (for formats other than JPEG not always).
 *
 * The cost of the picture was computed from the same header, so libvips must not find a larger picture in the file.
 */
async function openHeader(
  bytes: Uint8Array,
  format: AcceptedFormat,
  autoOrient: boolean,
  limits: DecodeLimits,
): Promise<Header> {
  const known = readHeader(bytesInMemory(bytes), format);
  if (known === 'damaged') throw new MenagerieError('corrupt_image', HEADER_DAMAGED);
  if (known instanceof HeaderUnsupported) {
    const what = `${format.toUpperCase()} with ${known.message} is not supported`;
    throw new MenagerieError('unsupported_image_format', `${what}. Save the picture as PNG or as an ordinary JPEG.`);
  }
  // Before libvips opens the file, which allocates rows for some pictures.
  if (known !== 'unclear') assertPixels(known, limits);
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

function assertPixels({ width, height }: Size, { maxPixels }: DecodeLimits): void {
  if (width * height <= maxPixels) return;
  throw new MenagerieError(
    'too_many_pixels',
    `The picture has ${width} x ${height} = ${width * height} pixels; the limit is ${maxPixels}.`,
  );
}

async function metadataOf(bytes: Uint8Array): Promise<Metadata> {
  try {
    // The caller applies the limit, so that the error can state the number of pixels.
    return await sharp(bytes, { failOn: 'error', limitInputPixels: false }).metadata();
  } catch (error) {
    throw new MenagerieError('corrupt_image', HEADER_DAMAGED, { cause: error });
  }
}

/** Not `toUint8Array`: sharp 0.35.5 never frees its result (measured: the pixels of every picture leak). */
async function pixelsOf(pipeline: Sharp): Promise<{ data: Uint8Array<ArrayBuffer>; info: OutputInfo }> {
  const { data, info } = await pipeline.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  const { buffer, byteOffset, byteLength } = data;
  if (!(buffer instanceof ArrayBuffer)) throw new Error('sharp returned shared memory');
  // A view of sharp's own memory: copying a large photograph takes as long as resizing it.
  return { data: new Uint8Array(buffer, byteOffset, byteLength), info };
}

async function decodeRgb(pipeline: Sharp, header: Header): Promise<Picture> {
  if (header.hasAlpha) pipeline.flatten({ background: '#ffffff' });
  else pipeline.removeAlpha();
  const { data, info } = await pixelsOf(pipeline.toColourspace('srgb'));
  if (info.channels !== 3) throw new Error(`decoded to ${info.channels} channels`);
  return { data, width: info.width, height: info.height };
}

/**
 * Converts CMYK by Pillow's formula, `(255 - k) * (255 - c) / 255` (libImaging/Convert.c), instead of libvips' press profile,
 * because the networks were trained with it.
 */
async function decodeCmyk(pipeline: Sharp): Promise<Picture> {
  const { data, info } = await pixelsOf(pipeline.pipelineColourspace('cmyk').toColourspace('cmyk'));
  if (info.channels < 4) throw new Error(`CMYK decoded to ${info.channels} channels`);
  const rgb = new Uint8Array(info.width * info.height * 3);
  const pixels = new DataView(data.buffer, data.byteOffset, data.byteLength);
  for (let p = 0, o = 0; o < rgb.length; p += info.channels, o += 3) {
    const kymc = pixels.getUint32(p, true);
    const light = 255 - (kymc >>> 24);
    for (let c = 0; c < 3; c++) rgb[o + c] = Math.max(0, light - mulDiv255((kymc >>> (8 * c)) & 255, light));
  }
  release(data);
  return { data: rgb, width: info.width, height: info.height };
}

/** `a * b / 255`, rounded, as Pillow's MULDIV255. */
function mulDiv255(a: number, b: number): number {
  const product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}
