import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Does work in a new folder, which goes with all that is in it. @template T @param {(folder: string) => T | Promise<T>} work */
export async function inTemporaryFolder(work) {
  const folder = mkdtempSync(join(tmpdir(), 'menagerie-script-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
