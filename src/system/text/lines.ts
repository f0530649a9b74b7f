import { MenagerieError } from '../../core/errors.js';

/** A line without its end, and its place in the whole. */
export interface Line {
  bytes: Buffer;
  /** Offset of its first byte. */
  start: number;
  /** Offset behind its end. */
  end: number;
  /** Whether its end is there; false only for a last line that was cut off. */
  complete: boolean;
}

/**
 * Splits bytes into lines. Memory holds one line and one piece. A line is valid until the next one is requested.
 * @param separator the byte that ends a line
 * @param limit most bytes of a line
 * @throws MenagerieError `invalid_data` for a longer line; errors of `pieces`
 */
export async function* linesOf(
  pieces: AsyncIterable<Uint8Array>,
  separator = 0x0a,
  limit = 1 << 24,
): AsyncGenerator<Line> {
  let left = Buffer.alloc(0);
  let start = 0;
  for await (const piece of pieces) {
    const bytes = left.length === 0 ? Buffer.from(piece) : Buffer.concat([left, piece]);
    let from = 0;
    for (let at = bytes.indexOf(separator); at >= 0; at = bytes.indexOf(separator, from)) {
      yield { bytes: bytes.subarray(from, at), start: start + from, end: start + at + 1, complete: true };
      from = at + 1;
    }
    start += from;
    left = bytes.subarray(from);
    if (left.length > limit) throw new MenagerieError('invalid_data', `A line is longer than ${limit} bytes.`);
  }
  if (left.length > 0) yield { bytes: left, start, end: start + left.length, complete: false };
}
