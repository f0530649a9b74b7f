import { realpath, stat } from 'node:fs/promises';
import { isAbsolute, resolve, sep } from 'node:path';
import { MenagerieError } from '../../core/errors.js';
import { pathText } from '../../system/paths.js';

/** Most characters of a name. */
const MAX_NAME = 1024;

/**
 * The folder of pictures that a request names below the data folder.
 * @param name a path relative to the data folder, without `..`; links may not lead out of it
 * @returns its path, free of links
 * @throws MenagerieError `invalid_request`; in the same words whether there is nothing or something that may not be seen
 */
export async function resolveDataFolder(dataDir: string, name: string): Promise<string> {
  const none = new MenagerieError(
    'invalid_request',
    `There is no folder "${pathText(name.slice(0, MAX_NAME))}" below the data folder of the server (MENAGERIE_DATA_DIR).`,
  );
  if (name.length > MAX_NAME || isAbsolute(name) || name.split('/').includes('..')) throw none;
  try {
    const root = await realpath(dataDir);
    const found = await realpath(resolve(root, name));
    if (found.startsWith(`${root}${sep}`) && (await stat(found)).isDirectory()) return found;
  } catch {
    // Such as a name with a NUL byte, which no file has.
  }
  throw none;
}
