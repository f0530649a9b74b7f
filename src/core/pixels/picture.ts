import type { Box } from './geometry.js';

/** A decoded picture: 8-bit RGB, interleaved, rows from the top, `data.length === width * height * 3`. */
export interface Picture {
  data: Uint8Array<ArrayBuffer>;
  /** Pixels. */
  width: number;
  /** Pixels. */
  height: number;
  /** The part of the picture in `data`, if not all of it: `data.length === part.width * part.height * 3`. */
  part?: Box;
}
