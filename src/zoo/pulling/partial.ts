import { readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isAbandoned, ownPartial, PARTIAL, type PartialWriter, parsePartial } from '../../system/partial-name.js';
import { fileSize } from '../files.js';

// Partial downloads. Each pull writes to its own file, so that simultaneous pulls cannot corrupt each other's bytes. A pull takes over
// the partial of an earlier one by renaming it, which only one pull can do. The names, in the folder of the complete file:
//   <file>.<start of its SHA-256>.partial                   released, free to be continued
//   <file>.<start of its SHA-256>.<host>-<pid>-<id>.partial  being written; free after that process has ended

const mine = new Set<string>();

/**
 * Claims the longest free partial of `target`, or else a name for a new one.
 * @returns its path; the file may not exist yet
 */
export async function claimPartial(target: string, sha256: string): Promise<string> {
  const stem = `${target}.${sha256.slice(0, 12)}`;
  const own = ownPartial(stem);
  mine.add(own);
  for (const left of await freePartials(target)) {
    if (!left.startsWith(`${stem}.`)) continue;
    try {
      await rename(left, own);
      return own;
    } catch {
      // Another pull was faster: try the next one.
    }
  }
  return own;
}

/** Releases a claimed partial for the next pull to continue; removes it if it is empty. */
export async function releasePartial(own: string): Promise<void> {
  mine.delete(own);
  if (await fileSize(own)) await rename(own, own.replace(/\.[^.]+\.partial$/, PARTIAL)).catch(() => undefined);
  else await rm(own, { force: true }).catch(() => undefined);
}

/** Removes the partials that earlier pulls of `target` left, also those of other weights with the same file name. */
export async function removeFreePartials(target: string): Promise<void> {
  for (const left of await freePartials(target)) await rm(left, { force: true }).catch(() => undefined);
}

/** Partials of `target` that no process is writing, the longest first. */
async function freePartials(target: string): Promise<string[]> {
  const folder = dirname(target);
  const hash = /^\.[0-9a-f]{12}$/;
  const found: { path: string; size: number }[] = [];
  for (const name of await readdir(folder)) {
    if (!name.startsWith(basename(target))) continue;
    const partial = parsePartial(name);
    if (!partial || !hash.test(partial.stem.slice(basename(target).length))) continue;
    const path = join(folder, name);
    const info = await stat(path).catch(() => undefined);
    if (!info) continue;
    const { writer } = partial;
    if (!writer || isFree(path, writer, info.mtimeMs)) found.push({ path, size: info.size });
  }
  return found.sort((a, b) => b.size - a.size).map(({ path }) => path);
}

function isFree(path: string, writer: PartialWriter, modifiedMs: number): boolean {
  return writer.here && writer.pid === process.pid ? !mine.has(path) : isAbandoned(writer, modifiedMs);
}
