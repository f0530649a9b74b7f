import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type ErrorCode, MenagerieError } from '../core/errors.js';

/** The `code` of a system error such as `ENOENT`, if `error` is one. */
export function systemCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

const WORDS: Record<string, string> = {
  ENOENT: 'it is not there',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the disk is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of its path is not a folder',
  EMFILE: 'too many files are open',
  EIO: 'the disk reports an error',
};

/** An `io_error` in plain words. @param doing what was being done, e.g. `cannot write models/a/a.onnx` */
export function ioError(doing: string, error: unknown): MenagerieError {
  const code = systemCode(error);
  const reason = (code && WORDS[code]) ?? (error instanceof Error ? error.message : String(error));
  return new MenagerieError('io_error', `${doing}: ${reason}`, { cause: error });
}

/**
 * The text of a small file, UTF-8, a byte order mark dropped.
 * @param limit largest size accepted, in bytes
 * @param faulty the code for a file that is too large or not text
 * @throws MenagerieError `file_missing`, `io_error`, or `faulty`
 */
export async function readSmallText(file: string, limit: number, faulty: ErrorCode): Promise<string> {
  let bytes: Uint8Array;
  try {
    const handle = await open(file, 'r');
    try {
      const { size } = await handle.stat();
      if (size > limit) {
        throw new MenagerieError(faulty, `${file}: has ${size} bytes, ${limit} are allowed`);
      }
      bytes = await handle.readFile();
    } finally {
      await handle.close();
    }
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

/** Size of the file in bytes, following links; undefined where there is no such file or it is a folder. */
export async function fileSize(file: string): Promise<number | undefined> {
  try {
    const info = await stat(file);
    return info.isFile() ? info.size : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Streams a file through SHA-256.
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
    // One megabyte at a time: hashing blocks this thread for about a millisecond each, so requests keep being answered.
    for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20, ...(signal && { signal }) })) {
      hash.update(chunk as Buffer);
      bytes += (chunk as Buffer).length;
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw ioError(`cannot read ${file}`, error);
  }
  return { sha256: hash.digest('hex'), bytes };
}

/** Makes a rename in `folder` survive a power cut; does nothing where folders cannot be synced (Windows). */
export async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!['EPERM', 'EISDIR', 'EACCES', 'EINVAL'].includes(systemCode(error) ?? '')) throw error;
  }
}

/**
 * Writes a file whole or not at all: beside its place, synced, then moved there.
 * @param write writes the content
 * @throws MenagerieError `io_error`, also for what `write` throws
 */
export async function writeWhole(target: string, write: (handle: FileHandle) => Promise<void>): Promise<void> {
  const partial = `${target}.${process.pid}.partial`;
  try {
    const handle = await open(partial, 'wx');
    try {
      await write(handle);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(partial, target);
    await syncFolder(dirname(target));
  } catch (error) {
    await rm(partial, { force: true });
    throw ioError(`cannot write ${target}`, error);
  }
}
