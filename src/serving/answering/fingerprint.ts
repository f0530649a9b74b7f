import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Pieces } from '../../core/byte-source.js';

/** Bytes hashed at a time, in about a millisecond. Other work gets a turn in between. */
const HASHED_AT_A_TIME = 1024 * 1024;

/** SHA-256 of a file in base64. */
export async function fingerprint({ pieces }: Pieces): Promise<string> {
  const hash = createHash('sha256');
  let hashed = 0;
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; at += HASHED_AT_A_TIME) {
      const part = piece.subarray(at, at + HASHED_AT_A_TIME);
      if (hashed + part.length > HASHED_AT_A_TIME) {
        await nextTurn();
        hashed = 0;
      }
      hash.update(part);
      hashed += part.length;
    }
  }
  return hash.digest('base64');
}
