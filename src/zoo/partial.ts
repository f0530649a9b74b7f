import { randomUUID } from 'node:crypto';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { systemCode } from '../system/errors.js';
import { fileSize } from './files.js';

// Half a download. Each pull writes to a file of its own, so that two at once cannot spoil each other's bytes; taking over
// what another one left is a rename, which only one of two can win. The names, beside the file they are to become:
//   <file>.<start of its SHA-256>.partial                   left behind in good order, free to be continued
//   <file>.<start of its SHA-256>.<host>-<pid>-<id>.partial  being written; free once that process is gone

const HOST = hostname().replace(/[^A-Za-z0-9]+/g, '_') || 'host';
/** Milliseconds without a write after which a partial of another machine (a shared disk) counts as left behind. */
const FOREIGN_STALE_MS = 60 * 60 * 1000;
const mine = new Set<string>();

/**
 * Claims a partial file for `target`, the longest that is free, or else a name for a new one.
 * @returns its path; the file may not exist yet
 */
export async function claimPartial(target: string, sha256: string): Promise<string> {
  const stem = `${target}.${sha256.slice(0, 12)}`;
  const own = `${stem}.${HOST}-${process.pid}-${randomUUID().slice(0, 8)}.partial`;
  mine.add(own);
  for (const left of await freePartials(target)) {
    if (!left.startsWith(`${stem}.`)) continue;
    try {
      await rename(left, own);
      return own;
    } catch {
      // Another pull was quicker: take the next.
    }
  }
  return own;
}

/** Leaves a claimed partial, if there is one, for the next pull to continue. */
export async function releasePartial(own: string): Promise<void> {
  mine.delete(own);
  if (await fileSize(own)) await rename(own, own.replace(/\.[^.]+\.partial$/, '.partial')).catch(() => undefined);
  else await rm(own, { force: true }).catch(() => undefined);
}

/** Removes what earlier pulls of `target` left behind, also of other weights under the same name. */
export async function removeFreePartials(target: string): Promise<void> {
  for (const left of await freePartials(target)) await rm(left, { force: true }).catch(() => undefined);
}

/** Partials of `target` that nobody is writing, the longest first. */
async function freePartials(target: string): Promise<string[]> {
  const folder = dirname(target);
  const pattern = /^\.[0-9a-f]{12}(?:\.([A-Za-z0-9_]+)-(\d+)-[0-9a-f]{8})?\.partial$/;
  const found: { path: string; size: number }[] = [];
  for (const name of await readdir(folder)) {
    if (!name.startsWith(basename(target))) continue;
    const match = pattern.exec(name.slice(basename(target).length));
    if (!match) continue;
    const path = join(folder, name);
    const info = await stat(path).catch(() => undefined);
    if (!info) continue;
    const [, host, pid] = match;
    if (host === undefined || isAbandoned(path, host, Number(pid), info.mtimeMs)) found.push({ path, size: info.size });
  }
  return found.sort((a, b) => b.size - a.size).map(({ path }) => path);
}

function isAbandoned(path: string, host: string, pid: number, modifiedMs: number): boolean {
  if (host !== HOST) return Date.now() - modifiedMs > FOREIGN_STALE_MS;
  if (pid === process.pid) return !mine.has(path);
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    // EPERM: it runs, as another user.
    return systemCode(error) === 'ESRCH';
  }
}
