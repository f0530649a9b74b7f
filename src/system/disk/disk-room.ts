import { statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { MenagerieError } from '../../core/errors.js';
import { inMib, MIB } from '../../core/units.js';
import { ioError, systemCode } from '../errors.js';

/** Bytes that are left free on every disk: for logs, other programs, and the file system itself. */
const KEPT_FREE = 256 * MIB;

/**
 * Bytes that may be written on the disk of a folder, which need not exist yet.
 * @throws MenagerieError `io_error`
 */
export async function diskRoom(folder: string): Promise<number> {
  return Math.max(0, (await freeBytes(resolve(folder))) - KEPT_FREE);
}

/**
 * Checks that a disk has room, before anything is written.
 * @param folder where it will be written
 * @param bytes what it may take
 * @param what what it is, for the message: `The pictures`
 * @throws MenagerieError `too_little_disk` naming both figures, `io_error`
 */
export async function assertDiskRoom(folder: string, bytes: number, what: string): Promise<void> {
  const room = await diskRoom(folder);
  if (bytes > room) {
    throw new MenagerieError(
      'too_little_disk',
      `${what} may take ${inMib(bytes)} MB; the disk has room for ${Math.floor(room / MIB)}.`,
    );
  }
}

/** Bytes that a process without privileges may still write on the disk of a folder, or of the nearest one above it that exists. */
async function freeBytes(folder: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch (error) {
    const above = dirname(folder);
    if (systemCode(error) !== 'ENOENT' || above === folder)
      throw ioError('cannot tell how much room the disk has', error);
    return freeBytes(above);
  }
}
