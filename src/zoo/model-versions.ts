import { readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FileLock } from '../system/file-lock.js';
import { parsePartial } from '../system/partial-name.js';
import { processExists } from '../system/process-exists.js';
import type { ModelPlace } from './read-model-folder.js';

// What keeps programs apart that write into one model folder, and removes what they leave.

const VERSION = /^[0-9a-f]{12}-[0-9a-f]{4}$/;
/** How long a version that no manifest names is kept: it may be one that another program is writing, or that a server still serves. */
const KEPT_MS = 24 * 60 * 60 * 1000;
/** Most such versions. */
const MOST_KEPT = 3;
/** What another machine was writing is left alone for so long. */
const FOREIGN_MS = 24 * 60 * 60 * 1000;
/** How long to wait for the lock of another program, which holds it for milliseconds. */
const LOCK_PATIENCE_MS = 10_000;
const LOCK_RETRY_MS = 50;

/**
 * Changes a model folder while no other program does.
 * @throws MenagerieError `io_error` if another one holds the lock for seconds; what `change` throws
 */
export async function withFolderLock({ id, root }: ModelPlace, change: () => Promise<void>): Promise<void> {
  const lock = await takeLock(join(root, `.${id}.lock`), `model "${id}"`);
  try {
    await change();
  } finally {
    await lock.release();
  }
}

async function takeLock(file: string, what: string): Promise<FileLock> {
  const giveUp = performance.now() + LOCK_PATIENCE_MS;
  for (;;) {
    try {
      return await FileLock.take(file, what, new AbortController().signal);
    } catch (error) {
      if (performance.now() > giveUp) throw error;
      await sleep(LOCK_RETRY_MS);
    }
  }
}

/**
 * Removes the versions that no manifest names, after a while.
 * @param manifests the texts of the manifests
 * @param replaced the text of a manifest that is none of them any more
 */
export async function removeOldVersions(folder: string, manifests: string, replaced: string): Promise<void> {
  const unnamed: { path: string; since: number }[] = [];
  for (const name of await readdir(folder).catch(() => [])) {
    if (!VERSION.test(name) || manifests.includes(name)) continue;
    const path = join(folder, name);
    const now = new Date();
    if (replaced.includes(name)) await utimes(path, now, now).catch(() => undefined);
    const info = await stat(path).catch(() => undefined);
    if (info) unnamed.push({ path, since: info.mtimeMs });
  }
  unnamed.sort((a, b) => b.since - a.since);
  for (const [i, { path, since }] of unnamed.entries()) {
    if (i < MOST_KEPT && Date.now() - since < KEPT_MS) continue;
    await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** Removes what programs that have ended left half written or half removed in a folder. */
export async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const writer = name.startsWith('.') ? parsePartial(name)?.writer : undefined;
    if (!writer) continue;
    const path = join(folder, name);
    const changed = await stat(path).then(
      ({ mtimeMs }) => mtimeMs,
      () => Date.now(),
    );
    // In a container every start has the same id.
    const gone = writer.pid === process.pid ? changed < performance.timeOrigin : !processExists(writer.pid);
    const abandoned = writer.here ? gone : Date.now() - changed > FOREIGN_MS;
    if (abandoned) await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}
