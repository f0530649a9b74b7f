import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { ioError, systemCode } from './errors.js';
import { ownPartial } from './partial-name.js';
import { joinPath, pathText, splitPath } from './paths.js';
import { RefusedFile } from './regular-file.js';

/** Makes a rename in `folder` survive a power failure. Does nothing if folders cannot be synced (Windows). */
export async function syncFolder(folder: string | Buffer): Promise<void> {
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
 * Writes a file completely or not at all: to a temporary file in the same folder, which is synced and then renamed. Only a regular
 * file is replaced: if root replaced a device, it would be gone for the whole machine.
 * @param write writes the content
 * @throws MenagerieError `io_error`, also for errors of `write`
 */
export async function writeWhole(target: string | Buffer, write: (handle: FileHandle) => Promise<void>): Promise<void> {
  const { folder } = splitPath(Buffer.from(target));
  const inside = folder.length === 0 ? Buffer.from('.') : folder;
  // Not longer than the name: a name may be as long as the system allows.
  const partial = joinPath(inside, Buffer.from(ownPartial('.menagerie')));
  try {
    const existing = await stat(target).catch(() => undefined);
    if (existing && !existing.isFile()) throw new RefusedFile('it is not a regular file');
    const handle = await open(partial, 'wx');
    try {
      if (existing) await handle.chmod(existing.mode);
      await write(handle);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(partial, target);
    await syncFolder(inside);
  } catch (error) {
    await rm(partial, { force: true });
    throw ioError(`cannot write ${pathText(target)}`, error);
  }
}
