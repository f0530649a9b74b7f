import { mkdir } from 'node:fs/promises';
import { MIB } from '../../core/units.js';
import { removeAbandonedPartials } from '../../system/disk/abandoned-partials.js';
import { ioError, systemCode } from '../../system/errors.js';
import { CacheFolder } from './cache-folder.js';
import { type FeatureKey, keyName } from './feature-key.js';
import { RecordReader } from './record-reader.js';
import { bytesNeeded, type RecordPlace, readPlaces, writeSegment } from './segment.js';

/** Bytes of features that are collected in memory before they are written. */
const WRITTEN_AT_ONCE = 8 * MIB;
/** Milliseconds after which files in use are marked as used again, so that other processes do not remove them first. */
const TOUCH_MS = 60_000;

/** The features of one key: where they are on disk, and those that are not written yet. */
interface Known {
  key: FeatureKey;
  places: Map<string, RecordPlace>;
  waiting: Map<string, Float32Array>;
  touched: number;
}

/**
 * Features of pictures on disk, by what they depend on and by the SHA-256 of the picture. What is read was verified: a damaged file is
 * removed, and its pictures are computed once more. Files are written whole, so a process that is killed loses only what it had not
 * written. Several processes may use one folder.
 */
export class FeatureCache {
  readonly #folder: CacheFolder;
  readonly #records = new RecordReader();
  readonly #known = new Map<string, Promise<Known>>();
  #waitingBytes = 0;
  #turn: Promise<void> = Promise.resolve();

  private constructor(folder: CacheFolder) {
    this.#folder = folder;
  }

  /**
   * Opens the cache in a folder, which is created if it is not there.
   * @param limits most bytes of all files; the keys that were not used for longest are removed for others
   * @throws MenagerieError `io_error`
   */
  static async open(folder: string, limits: { bytes: number }): Promise<FeatureCache> {
    try {
      await mkdir(folder, { recursive: true });
    } catch (error) {
      throw ioError(`cannot create ${folder}`, error);
    }
    await removeAbandonedPartials(folder);
    return new FeatureCache(new CacheFolder(folder, limits.bytes));
  }

  /**
   * Checks, before anything is computed, that the features of all keys of a task find room together.
   * @param pictures of each key
   * @throws MenagerieError `too_little_disk` naming what is needed and what there is
   */
  async assertRoom(tasks: readonly { pictures: number; size: number }[]): Promise<void> {
    await this.#folder.assertRoom(tasks.reduce((sum, { pictures, size }) => sum + bytesNeeded(pictures, size), 0));
  }

  /**
   * The features of a picture; undefined if they are not there or damaged.
   * @throws MenagerieError `io_error` if the folder cannot be read
   */
  async get(key: FeatureKey, sha256: string): Promise<Float32Array | undefined> {
    const known = await this.#of(key);
    const waiting = known.waiting.get(sha256);
    const place = known.places.get(sha256);
    if (waiting || !place) return waiting;
    await this.#touch(known);
    try {
      const values = await this.#records.read(place, sha256);
      if (values) return values;
      await this.#folder.remove(place.file);
    } catch (error) {
      // Too many open files, say: the file may be in order.
      if (systemCode(error) !== 'ENOENT') return undefined;
    }
    for (const [each, { file }] of known.places) if (file === place.file) known.places.delete(each);
    return undefined;
  }

  /**
   * Keeps the features of a picture, which must not change afterwards. They are on disk after the next `flush`.
   * @param values as many as those of other pictures with this key
   * @throws MenagerieError `too_little_disk`, `io_error` if features cannot be written; those that waited are dropped
   */
  async put(key: FeatureKey, sha256: string, values: Float32Array): Promise<void> {
    const known = await this.#of(key);
    if (!known.waiting.has(sha256)) this.#waitingBytes += values.byteLength;
    known.waiting.set(sha256, values);
    if (this.#waitingBytes >= WRITTEN_AT_ONCE) await this.flush();
  }

  /** Writes what waits. @throws MenagerieError `too_little_disk`, `io_error`; what waited is dropped */
  async flush(): Promise<void> {
    const turn = this.#turn.then(() => this.#write());
    this.#turn = turn.catch(() => undefined);
    await turn;
  }

  async #write(): Promise<void> {
    const all = await Promise.all(this.#known.values());
    for (const known of all) {
      const features = new Map(known.waiting);
      const [first] = features.values();
      if (!first) continue;
      try {
        await this.#folder.makeRoom(bytesNeeded(features.size, first.length), known.key);
        for (const [sha256, place] of await writeSegment(this.#folder.newFile(known.key), features)) {
          known.places.set(sha256, place);
        }
      } finally {
        for (const [sha256, values] of features) {
          known.waiting.delete(sha256);
          this.#waitingBytes -= values.byteLength;
        }
      }
    }
  }

  #of(key: FeatureKey): Promise<Known> {
    const name = keyName(key);
    const known = this.#known.get(name) ?? this.#read(key);
    this.#known.set(name, known);
    known.catch(() => this.#known.delete(name));
    return known;
  }

  async #read(key: FeatureKey): Promise<Known> {
    const places = new Map<string, RecordPlace>();
    try {
      for (const file of await this.#folder.filesOf(key)) {
        const found = await readPlaces(file).catch((error: unknown) => {
          if (systemCode(error) === 'ENOENT') return new Map<string, RecordPlace>();
          throw error;
        });
        if (found) for (const [sha256, place] of found) places.set(sha256, place);
        else await this.#folder.remove(file);
      }
    } catch (error) {
      throw ioError('cannot read the feature cache', error);
    }
    return { key, places, waiting: new Map(), touched: Date.now() };
  }

  async #touch(known: Known): Promise<void> {
    if (Date.now() - known.touched < TOUCH_MS) return;
    known.touched = Date.now();
    await this.#folder.touch(new Set([...known.places.values()].map(({ file }) => file)));
  }
}
