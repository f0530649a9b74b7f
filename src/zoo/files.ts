import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { type ErrorCode, MenagerieError } from '../core/errors.js';
import { ioError, systemCode } from '../system/errors.js';
import { holdInside, piecesOf, readRegular } from '../system/regular-file.js';

/** What `readSmallText` accepts. */
export interface TextRules {
  /** Largest size accepted, in bytes. */
  limit: number;
  /** The error code for a file that is too large or not text. */
  faulty: ErrorCode;
  /** The folders that the file may lie in after links are followed; absolute. */
  inside: readonly string[];
}

/**
 * Reads a small UTF-8 file, without its byte order mark.
 * @throws MenagerieError `file_missing`, `io_error` (also if it is not a regular file or lies outside), or `faulty`
 */
export async function readSmallText(file: string, { limit, faulty, inside }: TextRules): Promise<string> {
  let bytes: Uint8Array;
  try {
    await holdInside(file, inside);
    bytes = await readRegular(file, limit, faulty);
  } catch (error) {
    if (error instanceof MenagerieError) throw error;
    if (systemCode(error) === 'ENOENT') throw new MenagerieError('file_missing', `${file}: no such file`);
    throw ioError(`cannot read ${file}`, error);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new MenagerieError(faulty, `${file}: is not UTF-8 text`);
  }
}

/** Size of a regular file in bytes, following links; undefined if there is none. */
export async function fileSize(file: string): Promise<number | undefined> {
  try {
    const info = await stat(file);
    return info.isFile() ? info.size : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a path leads to a folder, following links. */
export async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isDirectory(),
    () => false,
  );
}

/**
 * Computes the SHA-256 of a file.
 * @returns the hash as 64 lower-case hex digits, and the number of bytes read
 * @throws MenagerieError `io_error`; the signal's reason when aborted
 */
export async function sha256Of(
  file: string,
  signal?: AbortSignal | undefined,
): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const piece of piecesOf(file, { signal })) {
      hash.update(piece);
      bytes += piece.length;
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw ioError(`cannot read ${file}`, error);
  }
  return { sha256: hash.digest('hex'), bytes };
}
