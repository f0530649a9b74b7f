import type { Box } from './geometry.js';

/** A decoded picture: 8-bit RGB, interleaved, rows from the top, `data.length === width * height * 3`. */
export interface Picture {
  data: Uint8Array<ArrayBuffer>;
  /** Pixels. */
  width: number;
  /** Pixels. */
  height: number;
  /** Where `data` holds only a part of the picture, which one: `data.length === part.width * part.height * 3`. */
  part?: Box;
}
