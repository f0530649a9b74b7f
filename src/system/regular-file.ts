import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { sep } from 'node:path';
import { type ErrorCode, MenagerieError } from '../core/errors.js';

// FIFOs, sockets and devices may stand wherever a file is looked for. To open or read one can wait for ever, in a thread that
// nothing calls back and that the process waits for when it ends.

/** A path that leads to something that is not read: the message says why, as `reasonOf` does for errors of the system. */
export class RefusedFile extends Error {
  override readonly name = 'RefusedFile';
}

/** A file that is open, and its size in bytes when it was opened. */
interface OpenFile {
  handle: FileHandle;
  size: number;
}

/**
 * Opens a regular file for reading, links followed. Never waits for what is something else.
 * @throws RefusedFile for what is no regular file; what the system throws
 */
async function openRegular(file: string): Promise<OpenFile> {
  // Without this flag the open itself would wait until somebody opens a FIFO for writing. Windows has neither.
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
 * The bytes of a regular file: as many as it had when it was opened, for some that the system makes up never end.
 * @param limit most bytes accepted
 * @param tooLarge the code of the error for more
 * @throws MenagerieError `tooLarge`; RefusedFile for what is no regular file; what the system throws
 */
export async function readRegular(file: string, limit: number, tooLarge: ErrorCode): Promise<Buffer<ArrayBuffer>> {
  const { handle, size } = await openRegular(file);
  try {
    if (size > limit) throw new MenagerieError(tooLarge, `${file}: has ${size} bytes, ${limit} are allowed`);
    // Not from the pool that small buffers share: whoever gets the bytes may hand their memory on.
    const bytes = Buffer.allocUnsafeSlow(size);
    let length = 0;
    for (let n = -1; n !== 0 && length < size; length += n) {
      ({ bytesRead: n } = await handle.read(bytes, length, size - length, length));
    }
    return bytes.subarray(0, length);
  } finally {
    await handle.close();
  }
}

/**
 * The pieces of a regular file, one after the other, each valid until the next is asked for.
 * @param from byte to begin with
 * @throws RefusedFile for what is no regular file; what the system throws; the signal's reason when aborted
 */
export async function* piecesOf(
  file: string,
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

/** One megabyte: what is done with a piece, such as hashing it, blocks this thread for about a millisecond. */
const PIECE = 1 << 20;

/**
 * Holds a file to the folders that it may lie in once its links are followed, so that a link in a folder from elsewhere cannot
 * have any other file of this machine read and quoted.
 * @param folders absolute; where one is a link, what it leads to counts too
 * @throws RefusedFile where it lies elsewhere; what the system throws
 */
export async function holdInside(file: string, folders: readonly string[]): Promise<void> {
  const real = await realpath(file);
  const within = (folder: string) => real.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`);
  if (folders.some(within) || (await Promise.all(folders.map((folder) => realpath(folder)))).some(within)) return;
  throw new RefusedFile('it is a link out of the model directory');
}

function kindOfFile(info: Stats): string {
  if (info.isDirectory()) return 'a folder';
  if (info.isFIFO()) return 'a FIFO';
  if (info.isSocket()) return 'a socket';
  return info.isCharacterDevice() || info.isBlockDevice() ? 'a device' : 'something else';
}
