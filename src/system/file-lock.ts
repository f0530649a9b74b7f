import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { link, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { MenagerieError } from '../core/errors.js';
import { ioError, systemCode } from './errors.js';
import { processExists } from './process-exists.js';

// Node has no flock, and flock does not reach other machines on every network disk. So a lock is a file that names its holder, and that
// the holder touches again and again. It is left behind when the holder is killed. Then it is taken over: at once if the holder was a
// process that can be looked for from here, else when it was not touched for a while. Times of the file are only compared with each
// other, because the clocks of two machines may differ.

/** Milliseconds between touches, and of watching whether a lock is touched. */
const TOUCH_MS = 5000;
const WATCH_MS = 4 * TOUCH_MS;
/** How long its holder may take to write a lock that it has made, and how often to look. */
const [WRITING_MS, LOOK_MS] = [2000, 20];
const MAX_TRIES = 5;

/** A lock that this process holds until it is released. */
export class FileLock {
  readonly #file: string;
  readonly #content: string;
  readonly #timer: NodeJS.Timeout;
  #lost = false;

  private constructor(file: string, content: string) {
    this.#file = file;
    this.#content = content;
    this.#timer = setInterval(() => void this.#touch(), TOUCH_MS).unref();
  }

  /**
   * Takes a lock.
   * @param file the lock's own file
   * @param what what it protects, for messages
   * @param signal ends the wait for another machine's lock
   * @throws MenagerieError `io_error` if another process holds it; the signal's reason
   */
  static async take(file: string, what: string, signal: AbortSignal): Promise<FileLock> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const holder: Holder = { host: hostname(), space: processSpace(), pid: process.pid };
      const content = JSON.stringify({ ...holder, id: randomUUID() });
      try {
        await writeFile(file, content, { flag: 'wx' });
        return new FileLock(file, content);
      } catch (error) {
        if (systemCode(error) !== 'EEXIST') throw ioError(`cannot write ${file}`, error);
      }
      await removeIfAbandoned(file, what, signal);
    }
    throw heldBy(what, file, 'another process');
  }

  /** Whether another process has taken it, because this one was stopped for long. */
  get lost(): boolean {
    return this.#lost;
  }

  async release(): Promise<void> {
    clearInterval(this.#timer);
    if ((await contentOf(this.#file)) === this.#content) await rm(this.#file, { force: true }).catch(() => undefined);
  }

  async #touch(): Promise<void> {
    const now = new Date();
    if ((await contentOf(this.#file)) !== this.#content) this.#lost = true;
    else await utimes(this.#file, now, now).catch(() => undefined);
  }
}

/** @throws MenagerieError if its holder lives */
async function removeIfAbandoned(file: string, what: string, signal: AbortSignal): Promise<void> {
  const content = await writtenContentOf(file, signal);
  if (content === undefined) return;
  const holder = holderOf(content);
  const { host = '?', pid = '?' } = holder ?? {};
  if (holder?.space === processSpace()) {
    if (holder.pid !== process.pid && processExists(holder.pid)) throw heldBy(what, file, `process ${pid}`);
  } else {
    const touched = await touchedAt(file);
    await sleep(WATCH_MS, undefined, { signal });
    if ((await touchedAt(file)) !== touched) throw heldBy(what, file, `process ${pid} on ${host}`);
  }
  // Renaming succeeds for one process only. If it was another's new lock after all, that gets it back.
  const aside = `${file}.${randomUUID().slice(0, 8)}`;
  try {
    await rename(file, aside);
  } catch {
    return;
  }
  if ((await contentOf(aside)) !== content) await link(aside, file).catch(() => undefined);
  await rm(aside, { force: true });
}

/** The content of a lock. For a moment after it was made it is empty, and says nothing of its holder. */
async function writtenContentOf(file: string, signal: AbortSignal): Promise<string | undefined> {
  const giveUp = performance.now() + WRITING_MS;
  for (;;) {
    const content = await contentOf(file);
    if (content !== '' || performance.now() > giveUp) return content;
    await sleep(LOOK_MS, undefined, { signal });
  }
}

async function contentOf(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch(() => undefined);
}

async function touchedAt(file: string): Promise<number | undefined> {
  return stat(file).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  );
}

interface Holder {
  /** For people: pods that replace each other may have the same name. */
  host: string;
  space: string;
  pid: number;
}

function holderOf(content: string): Holder | undefined {
  try {
    const { host, space, pid } = JSON.parse(content);
    return typeof host === 'string' && typeof space === 'string' && Number.isInteger(pid)
      ? { host, space, pid }
      : undefined;
  } catch {
    return undefined;
  }
}

/** Where ids of processes mean the same: on Linux this start of the machine and this container, elsewhere the host. */
function processSpace(): string {
  try {
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}

function heldBy(what: string, file: string, holder: string): MenagerieError {
  return new MenagerieError('io_error', `${what} is being written by ${holder}. If that is wrong, remove ${file}.`);
}
