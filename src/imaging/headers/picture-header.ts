import type { Size } from '../../core/pixels/geometry.js';

/** Ways of coding pictures that differ in what decoding takes. */
export type Coding =
  | 'jpeg'
  | 'jpeg-arithmetic'
  /** In several scans: progressive, or one channel after the other. */
  | 'jpeg-scans'
  | 'jpeg-scans-arithmetic'
  | 'png'
  | 'png-interlaced'
  | 'webp'
  | 'webp-lossless'
  | 'webp-animated'
  /** AV1 with subsampled colour, with colour in full, and with more than 8 bits a channel. */
  | 'avif'
  | 'avif-444'
  | 'avif-deep'
  | 'gif'
  | 'tiff'
  /** Deflate, LZW and what is not known. */
  | 'tiff-packed'
  /** JPEG and fax codes within a TIFF. */
  | 'tiff-coded'
  | 'tiff-webp';

/** What a file's header says of its picture, as it is stored: not turned yet. */
export interface PictureHeader extends Size {
  coding: Coding;
  /** Bytes of one pixel as libvips gets them of the decoder. */
  pixelBytes: number;
  /** Whether it is converted from CMYK. */
  cmyk: boolean;
  /** Whether a pixel may be transparent. */
  hasAlpha: boolean;
  /** Whether something in the file may say that the picture is to be turned. */
  mayTurn: boolean;
  /** Whether this is all that decoding must know of the picture, so that libvips need not be asked. */
  plain: boolean;
  /** What takes the decoder's time: values, bytes or pixels, as is natural for the coding. */
  samples: number;
  /** How often a JPEG's samples are gone over; 1 elsewhere. */
  scans: number;
  /** How many of them the decoder holds at once, besides some rows. */
  held: number;
  /** Bytes that are no pixels' and reach the decoder all the same. */
  metadata: number;
}

/** What holds of most pictures. */
export const USUAL = {
  cmyk: false,
  hasAlpha: false,
  mayTurn: false,
  plain: false,
  scans: 1,
  held: 0,
  metadata: 0,
} satisfies Partial<PictureHeader>;
