import { createHash } from 'node:crypto';
import { isCameraRaw, isHeic } from '../../datasets/image-files.js';
import type { Entry } from '../../datasets/walk.js';
import { isAccepted, SNIFFED_BYTES, sniff } from '../../imaging/formats/sniff.js';
import { reasonOf } from '../../system/errors.js';
import { piecesOf } from '../../system/regular-file.js';

/** What a file is: a picture with its hash, or the reason why it is not used. */
export type LookedAt = { sha256: string; bytes: number } | { reason: string };

const HEIC = 'HEIC, which has to be converted to JPEG first';

/**
 * Hashes a file if its first bytes are those of a picture that the server decodes.
 * @param maxBytes most bytes of a picture
 * @throws the signal's reason when aborted; nothing else: a file that cannot be read is one that is not used
 */
export async function lookAtFile(
  { path, leftOut, fault }: Entry,
  maxBytes: number,
  signal: AbortSignal | undefined,
): Promise<LookedAt> {
  if (leftOut) return { reason: leftOut };
  if (fault !== undefined) return { reason: reasonOf(fault) };
  const name = path.toString('latin1');
  if (isHeic(name)) return { reason: HEIC };
  if (isCameraRaw(name)) return { reason: 'a raw file of a camera, which has to be exported as JPEG first' };
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const piece of piecesOf(path, { signal })) {
      const reason = bytes === 0 ? whyNotAPicture(piece.subarray(0, SNIFFED_BYTES)) : undefined;
      if (reason !== undefined) return { reason };
      bytes += piece.length;
      if (bytes > maxBytes) return { reason: `larger than the limit of ${maxBytes} bytes` };
      hash.update(piece);
    }
  } catch (error) {
    signal?.throwIfAborted();
    return { reason: reasonOf(error) };
  }
  return bytes === 0 ? { reason: 'empty' } : { sha256: hash.digest('hex'), bytes };
}

function whyNotAPicture(head: Uint8Array): string | undefined {
  const format = sniff(head);
  if (format === undefined) return 'not a picture';
  if (format === 'heic') return HEIC;
  return isAccepted(format) ? undefined : `in the format ${format}, which is not accepted`;
}
