/** A decoded picture: 8-bit RGB, interleaved, rows from the top, `data.length === width * height * 3`. */
export interface Picture {
  data: Uint8Array<ArrayBuffer>;
  /** Pixels. */
  width: number;
  /** Pixels. */
  height: number;
}
