import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { sep } from 'node:path';
import { type ErrorCode, MenagerieError } from '../core/errors.js';
import { pathText } from './paths.js';

// A path may lead to a FIFO, socket or device. Opening or reading one can block for ever, in a thread that cannot be interrupted and
// that the process waits for when it ends.

/** A path leads to something that must not be read. The message gives the reason, in the form that `reasonOf` gives system errors. */
export class RefusedFile extends Error {
  override readonly name = 'RefusedFile';
}

interface OpenFile {
  handle: FileHandle;
  /** Bytes, when it was opened. */
  size: number;
}

/**
 * Opens a regular file for reading, following links. Never blocks on other kinds of files.
 * @throws RefusedFile if it is not a regular file; system errors
 */
export async function openRegular(file: string | Buffer): Promise<OpenFile> {
  // Without O_NONBLOCK, opening a FIFO would block until somebody opens it for writing. Windows has neither.
  const handle = await open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const info = await handle.stat();
    if (info.isFile()) return { handle, size: info.size };
    throw new RefusedFile(`it is ${kindOfFile(info)}, not a regular file`);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * Reads a regular file, up to the size that it had when it was opened, because some virtual files never end.
 * @param limit most bytes accepted
 * @param tooLarge the code of the error for more
 * @throws MenagerieError `tooLarge`; RefusedFile if it is not a regular file; system errors
 */
export async function readRegular(
  file: string | Buffer,
  limit: number,
  tooLarge: ErrorCode,
): Promise<Buffer<ArrayBuffer>> {
  const { handle, size } = await openRegular(file);
  try {
    if (size > limit) throw new MenagerieError(tooLarge, `${pathText(file)}: has ${size} bytes, ${limit} are allowed`);
    return await readPart(handle, 0, size);
  } finally {
    await handle.close();
  }
}

/**
 * Reads the first bytes of a regular file.
 * @throws RefusedFile if it is not a regular file; system errors
 */
export async function readHead(file: Buffer, bytes: number): Promise<Buffer> {
  const { handle, size } = await openRegular(file);
  try {
    return await readPart(handle, 0, Math.min(size, bytes));
  } finally {
    await handle.close();
  }
}

/** Reads `size` bytes from an offset, fewer at the end of the file. */
export async function readPart(handle: FileHandle, from: number, size: number): Promise<Buffer<ArrayBuffer>> {
  // Not from the pool that small buffers share, because the caller may transfer the memory.
  const bytes = Buffer.allocUnsafeSlow(size);
  let length = 0;
  for (let n = -1; n !== 0 && length < size; length += n) {
    ({ bytesRead: n } = await handle.read(bytes, length, size - length, from + length));
  }
  return bytes.subarray(0, length);
}

/**
 * Reads a regular file piece by piece. A piece is valid until the next one is requested.
 * @param from offset of the first byte
 * @throws RefusedFile if it is not a regular file; system errors; the signal's reason when aborted
 */
export async function* piecesOf(
  file: string | Buffer,
  { from = 0, signal }: { from?: number; signal?: AbortSignal | undefined } = {},
): AsyncGenerator<Uint8Array> {
  const { handle, size } = await openRegular(file);
  try {
    const piece = Buffer.allocUnsafeSlow(Math.max(1, Math.min(PIECE, size - from)));
    for (let position = from; position < size; ) {
      signal?.throwIfAborted();
      const { bytesRead } = await handle.read(piece, 0, Math.min(piece.length, size - position), position);
      if (bytesRead === 0) return;
      position += bytesRead;
      yield piece.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

/** One MiB: processing a piece, such as hashing it, blocks this thread for about a millisecond. */
const PIECE = 1 << 20;

/**
 * Checks that a file lies in one of the folders after its links are followed. Otherwise a link in a model folder from elsewhere
 * could have any file of this machine read and quoted.
 * @param folders absolute paths; if one is a link, its target counts too
 * @throws RefusedFile if the file lies elsewhere; system errors
 */
export async function holdInside(file: string, folders: readonly string[]): Promise<void> {
  const real = await realpath(file);
  const within = (folder: string) => real.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`);
  if (folders.some(within) || (await Promise.all(folders.map((folder) => realpath(folder)))).some(within)) return;
  throw new RefusedFile('it is a link out of the model directory');
}

/** What a path leads to that is not a regular file, in plain words. */
export function kindOfFile(info: Stats): string {
  if (info.isDirectory()) return 'a folder';
  if (info.isFIFO()) return 'a FIFO';
  if (info.isSocket()) return 'a socket';
  return info.isCharacterDevice() || info.isBlockDevice() ? 'a device' : 'something else';
}
