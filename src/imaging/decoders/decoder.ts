import type { Box, Size } from '../../core/pixels/geometry.js';
import type { Picture } from '../../core/pixels/picture.js';
import type { AcceptedFormat } from '../formats/sniff.js';
import type { PictureHeader } from '../headers/picture-header.js';

/** What a decoder takes for one picture. */
export interface DecoderCost {
  /** Milliseconds on one core of an x64 server. */
  ms: number;
  /** Peak memory in bytes, without the file itself. */
  bytes: number;
}

/** Which pictures a decoder takes, and what they cost. The server knows no more of a decoder; only workers decode. */
export interface DecoderCosts {
  name: string;
  formats: readonly AcceptedFormat[];
  /**
   * The cost of decoding a picture of one of the formats.
   * @param fileBytes length of the file
   * @returns undefined if the decoder does not take such pictures
   */
  cost(header: PictureHeader, fileBytes: number): DecoderCost | undefined;
}

/** A file of which all is known that can be known without decoding it. */
export interface OpenedFile {
  format: AcceptedFormat;
  /** The file without metadata, except the orientation if it is to be applied. */
  bytes: Uint8Array;
  /** Read from `bytes`. An unclear header reaches sharp only. */
  header: PictureHeader | 'unclear';
}

export interface DecodeOptions {
  /** Whether to turn the picture as its metadata say. */
  autoOrient: boolean;
  /** Most pixels of a picture. The header is within that already. */
  maxPixels: number;
  /** The part that will be used of a picture of the given size, which is that of the turned picture; by default all. For JPEG only. */
  wanted?: ((size: Size) => Box) | undefined;
}

/** Decodes pictures to 8-bit RGB, to the same bytes as any other decoder. */
export interface Decoder extends DecoderCosts {
  /**
   * Decodes a picture of which `cost` is known.
   * @returns undefined if the file is not as plain and clean as the decoder needs it, so that sharp decodes it, or says what is wrong
   * @throws MenagerieError `corrupt_image`, `too_many_pixels`, `memory_exceeded`
   */
  decode(file: OpenedFile, options: DecodeOptions): Promise<Picture | undefined>;
}
