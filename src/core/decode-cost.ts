/** What decoding a picture and converting it to RGB takes, estimated from the header of the file. */
export interface DecodeCost {
  /** Pixels, as stored; 0 if the file cannot be decoded. */
  width: number;
  /** Pixels. */
  height: number;
  /** Time on one core, given as the billions of multiply-accumulates of a network that take as long. */
  gmacs: number;
  /** Peak memory in bytes, without the file itself. */
  bytes: number;
  /** Whether the header was understood; if not, the figures are upper bounds. */
  known: boolean;
}
