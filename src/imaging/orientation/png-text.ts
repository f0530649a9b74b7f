import { inflateSync } from 'node:zlib';

/** Texts of a PNG that may state an orientation: XMP, and EXIF data as ImageMagick writes them. */
const [XMP, RAW_PROFILE] = ['XML:com.adobe.xmp', 'Raw profile type exif'];
const LONGEST_KEYWORD = 79;
/** As Pillow's MAX_TEXT_CHUNK. What is longer is not read: half a megabyte may inflate to gigabytes. */
const MOST_INFLATED = 1 << 20;

/** A text whose value may state an orientation, not yet inflated. */
export interface PngText {
  kind: 'xmp' | 'raw-profile';
  value: Uint8Array;
  packed: boolean;
}

/**
 * Reads the keyword of a text chunk (PNG, third edition, 11.3.3).
 * @param name `tEXt`, `zTXt` or `iTXt`
 * @returns undefined if it is no text that may state an orientation
 */
export function pngText(name: string, data: Uint8Array): PngText | undefined {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
  const end = bytes.subarray(0, LONGEST_KEYWORD + 1).indexOf(0);
  const keyword = bytes.toString('latin1', 0, Math.max(0, end));
  if (keyword !== XMP && keyword !== RAW_PROFILE) return undefined;
  const kind = keyword === XMP ? 'xmp' : 'raw-profile';
  if (name === 'tEXt') return { kind, value: bytes.subarray(end + 1), packed: false };
  // The method of compression: 0 is deflate.
  if (name === 'zTXt') return { kind, value: bytes.subarray(end + 2), packed: true };
  // Whether it is compressed, the method, the language and a zero, the translated keyword and a zero.
  const translated = bytes.indexOf(0, end + 3);
  const value = translated < 0 ? -1 : bytes.indexOf(0, translated + 1);
  return value < 0 ? undefined : { kind, value: bytes.subarray(value + 1), packed: bytes[end + 1] !== 0 };
}

/** The value of a text, or undefined if it is damaged or inflates to more than 1 MiB. */
export function inflated({ value, packed }: PngText): Uint8Array | undefined {
  if (!packed) return value;
  try {
    return inflateSync(value, { maxOutputLength: MOST_INFLATED });
  } catch {
    return undefined;
  }
}

/** EXIF data from ImageMagick's text: an empty line, the name and the length, each on a line, then hexadecimal digits. */
export function exifInRawProfile(text: Uint8Array): Uint8Array {
  const [, , , ...lines] = Buffer.from(text.subarray(0, MOST_INFLATED)).toString('latin1').split('\n');
  return Buffer.from(lines.join('').replace(/\s/g, ''), 'hex');
}
