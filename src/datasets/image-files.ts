import { readdir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { MenagerieError } from '../core/errors.js';
import { reasonOf, systemCode } from '../system/errors.js';

const EXTENSIONS: ReadonlySet<string> = new Set([
  '.jpg',
  '.jpeg',
  '.jpe',
  '.png',
  '.webp',
  '.avif',
  '.gif',
  '.tif',
  '.tiff',
]);

/**
 * Finds the picture files in paths. A path that is a file is taken as it is; a folder is searched to any depth for names with a
 * picture's extension. Sorted within a folder. Hidden entries are skipped, and links to folders are not followed, so that the
 * search ends.
 * @throws MenagerieError `file_missing`, `io_error`
 */
export async function findImageFiles(paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    try {
      if ((await stat(path)).isDirectory()) await search(path, found);
      else found.push(path);
    } catch (error) {
      const missing = systemCode(error) === 'ENOENT';
      const message = missing ? `There is no file ${path}.` : `Cannot read ${path}: ${reasonOf(error)}.`;
      throw new MenagerieError(missing ? 'file_missing' : 'io_error', message, { cause: error });
    }
  }
  return found;
}

/** Whether a name has the extension of a picture file. */
export function isImageFile(name: string): boolean {
  return EXTENSIONS.has(extname(name).toLowerCase());
}

async function search(folder: string, found: string[]): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await search(path, found);
    else if (isImageFile(entry.name)) found.push(path);
  }
}
