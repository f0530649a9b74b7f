/** What decoding a picture will take, its pixels' conversion to RGB included, as its file's header says before it is decoded. */
export interface DecodeCost {
  /** Pixels, as they are stored; 0 where no picture can come of the file. */
  width: number;
  /** Pixels. */
  height: number;
  /** Time on one core, in billions of multiply-accumulates of a network that take as long. */
  gmacs: number;
  /** Bytes of memory at its peak, besides the file. */
  bytes: number;
  /** Whether the header was understood; else the figures are the worst that there can be. */
  known: boolean;
}
