import { readdir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { MenagerieError } from '../core/errors.js';
import { reasonOf } from '../system/errors.js';

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
 * The picture files that paths name: files as they are, folders searched to any depth for names with a picture's
 * extension. Sorted within a folder; hidden entries are left out and links to folders not followed, so there is an end.
 * @throws MenagerieError `file_missing`, `io_error`
 */
export async function findImageFiles(paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    try {
      if ((await stat(path)).isDirectory()) await search(path, found);
      else found.push(path);
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      const message = missing ? `There is no file ${path}.` : `${path} cannot be read: ${reasonOf(error)}.`;
      throw new MenagerieError(missing ? 'file_missing' : 'io_error', message, { cause: error });
    }
  }
  return found;
}

/** Whether a name is that of a picture file. */
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
