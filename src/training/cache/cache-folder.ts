import { randomUUID } from 'node:crypto';
import { readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { MenagerieError } from '../../core/errors.js';
import { inMib, MIB } from '../../core/units.js';
import { diskRoom } from '../../system/disk/disk-room.js';
import { type FeatureKey, keyName } from './feature-key.js';

const ENDING = '.features';
const NAME = /^([0-9a-f]{32})-[0-9a-f-]{36}\.features$/;

/** The files of one key. */
interface KeyFiles {
  paths: string[];
  bytes: number;
  /** When the last of them was written or used, in milliseconds. */
  used: number;
}

/**
 * The files of a feature cache. Several processes may use the folder: each writes files of its own, whole, and a file that another
 * process removes is only a picture to compute once more.
 */
export class CacheFolder {
  readonly #folder: string;
  readonly #limit: number;

  /** @param limit most bytes of all files */
  constructor(folder: string, limit: number) {
    this.#folder = folder;
    this.#limit = limit;
  }

  /** A name for a new file. */
  newFile(key: FeatureKey): string {
    return join(this.#folder, `${keyName(key)}-${randomUUID()}${ENDING}`);
  }

  /** The files of a key, and marks them as used now. */
  async filesOf(key: FeatureKey): Promise<string[]> {
    const { paths = [] } = (await this.#list()).get(keyName(key)) ?? {};
    await this.touch(paths);
    return paths;
  }

  async touch(files: Iterable<string>): Promise<void> {
    const now = new Date();
    for (const file of files) await utimes(file, now, now).catch(() => undefined);
  }

  async remove(file: string): Promise<void> {
    await rm(file, { force: true }).catch(() => undefined);
  }

  /**
   * Checks that all features of a task find room, with what has to go for them.
   * @throws MenagerieError `too_little_disk` naming both figures
   */
  async assertRoom(bytes: number): Promise<void> {
    const room = await this.#room(usedBy(await this.#list()));
    if (bytes > room) throw tooLarge(bytes, room);
  }

  /**
   * Makes room for a file: removes the files of the keys that were not used for longest, other than this one's.
   * @throws MenagerieError `too_little_disk` if that is not enough
   */
  async makeRoom(bytes: number, key: FeatureKey): Promise<void> {
    const files = await this.#list();
    let used = usedBy(files);
    const room = await this.#room(used);
    const others = [...files].filter(([name]) => name !== keyName(key)).map(([, each]) => each);
    for (const oldest of others.sort((a, b) => a.used - b.used)) {
      if (used + bytes <= room) return;
      for (const path of oldest.paths) await this.remove(path);
      used -= oldest.bytes;
    }
    if (used + bytes > room) throw tooLarge(used + bytes, room);
  }

  /** Most bytes that all files may have. What they have now could be written again. */
  async #room(used: number): Promise<number> {
    return Math.min(this.#limit, used + (await diskRoom(this.#folder)));
  }

  async #list(): Promise<Map<string, KeyFiles>> {
    const keys = new Map<string, KeyFiles>();
    for (const name of await readdir(this.#folder)) {
      const key = NAME.exec(name)?.[1];
      if (key === undefined) continue;
      const path = join(this.#folder, name);
      const info = await stat(path).catch(() => undefined);
      // Another process has removed it.
      if (!info) continue;
      const { paths = [], bytes = 0, used = 0 } = keys.get(key) ?? {};
      keys.set(key, { paths: [...paths, path], bytes: bytes + info.size, used: Math.max(used, info.mtimeMs) });
    }
    return keys;
  }
}

function usedBy(files: ReadonlyMap<string, KeyFiles>): number {
  return [...files.values()].reduce((sum, { bytes }) => sum + bytes, 0);
}

function tooLarge(bytes: number, room: number): MenagerieError {
  return new MenagerieError(
    'too_little_disk',
    `The features take ${inMib(bytes)} MB on disk; there is room for ${Math.floor(room / MIB)} (MENAGERIE_FEATURE_CACHE, and what the disk has free).`,
  );
}
