import type { Size } from '../../core/pixels/geometry.js';

/** Codings that differ in the cost of decoding. */
export type Coding =
  | 'jpeg'
  | 'jpeg-arithmetic'
  /** Several scans: progressive, or one channel after the other. */
  | 'jpeg-scans'
  | 'jpeg-scans-arithmetic'
  | 'png'
  | 'png-interlaced'
  | 'webp'
  | 'webp-lossless'
  | 'webp-animated'
  /** AV1 with subsampled colour, with full colour, and with more than 8 bits per channel. */
  | 'avif'
  | 'avif-444'
  | 'avif-deep'
  | 'gif'
  | 'tiff'
  /** Deflate, LZW and unknown compressions. */
  | 'tiff-packed'
  /** JPEG and fax codes within a TIFF. */
  | 'tiff-coded'
  | 'tiff-webp';

/** What a file's header says about its picture, as stored: before the orientation is applied. */
export interface PictureHeader extends Size {
  coding: Coding;
  /** Bytes per pixel that the decoder gives to libvips. */
  pixelBytes: number;
  /** Whether it is CMYK. */
  cmyk: boolean;
  /** Whether a pixel may be transparent. */
  hasAlpha: boolean;
  /** Whether the file may state an orientation. */
  mayTurn: boolean;
  /** Whether decoding needs no more than this, so that libvips need not read the header. */
  plain: boolean;
  /** The decoder's work, in values, bytes or pixels, depending on the coding. */
  samples: number;
  /** Passes over the samples of a JPEG; 1 in other formats. */
  scans: number;
  /** Samples that the decoder holds at once, besides some rows. */
  held: number;
  /** Bytes of metadata that reach the decoder. */
  metadata: number;
}

/** Values that most pictures have. */
export const USUAL = {
  cmyk: false,
  hasAlpha: false,
  mayTurn: false,
  plain: false,
  scans: 1,
  held: 0,
  metadata: 0,
} satisfies Partial<PictureHeader>;
