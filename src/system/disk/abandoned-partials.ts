import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isAbandoned, parsePartial } from '../partial-name.js';

/** Removes the partial files and folders in a folder whose writers were killed. Does nothing if there is no such folder. */
export async function removeAbandonedPartials(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const writer = parsePartial(name)?.writer;
    const path = join(folder, name);
    const info = writer && (await stat(path).catch(() => undefined));
    if (writer && info && isAbandoned(writer, info.mtimeMs)) {
      await rm(path, { recursive: true, force: true }).catch(() => undefined);
    }
  }
}
