import { type FileHandle, open, stat, truncate } from 'node:fs/promises';
import { MenagerieError } from '../../core/errors.js';
import { npyHeader } from '../../core/features/npy.js';
import { countOf } from '../../core/shape.js';
import { ioError } from '../../system/errors.js';
import { FileLock } from '../../system/file-lock.js';
import { piecesOf } from '../../system/regular-file.js';
import { linesOf } from '../../system/text/lines.js';
import { type AskedOfFile, askedPath, checkAsked } from '../folders/asked.js';
import { NameSet } from '../folders/name-set.js';
import { cannotContinue } from '../folders/result-lines.js';

/** After a power failure at most the rows of so many milliseconds are missing, and done again. */
const SYNC_MS = 5000;
const FLOAT_BYTES = Float32Array.BYTES_PER_ELEMENT;

export interface FeaturesFileOptions {
  /** Ends with `.npy`. */
  path: string;
  /** Sizes of the features of a picture. */
  shape: readonly number[];
  asked: AskedOfFile;
}

/** What is in the files. */
interface Found {
  done: NameSet;
  /** Bytes of the names. */
  nameBytes: number;
}

/** The file of the names that belong to the rows of a `.npy` file. @throws MenagerieError `usage` for another ending */
export function namesPath(path: string): string {
  if (/.\.npy$/i.test(path)) return path.replace(/\.npy$/i, '.txt');
  throw new MenagerieError('usage', `${path} must end with .npy.`);
}

/**
 * A `.npy` file that rows are appended to, and beside it a text file with the name of each. Both are continued if they are there. One
 * process writes them: others are refused. At any time the array is one that numpy reads, without the rows of the last seconds.
 */
export class FeaturesFile {
  readonly #options: FeaturesFileOptions;
  readonly #lock: FileLock;
  readonly #rows: FileHandle;
  readonly #names: FileHandle;
  readonly #found: Found;
  #synced = Date.now();

  private constructor(options: FeaturesFileOptions, lock: FileLock, rows: FileHandle, names: FileHandle, found: Found) {
    this.#options = options;
    this.#lock = lock;
    this.#rows = rows;
    this.#names = names;
    this.#found = found;
  }

  /** Names of the files that belong to a file of features. */
  static namesFor(name: string): string[] {
    return [name, namesPath(name), askedPath(name), lockPath(name)];
  }

  /**
   * Opens the files. A row whose name is not there, or the other way round, is removed from the end.
   * @throws MenagerieError `usage` if they hold other features or are none; `io_error` if another process writes them, and for the disk
   */
  static async open(options: FeaturesFileOptions, signal: AbortSignal): Promise<FeaturesFile> {
    const { path, asked } = options;
    const names = namesPath(path);
    for (const each of [path, names]) {
      const before = await stat(each).catch(() => undefined);
      if (before && !before.isFile()) throw new MenagerieError('usage', `--out: ${each} is not a regular file.`);
    }
    const lock = await FileLock.take(lockPath(path), path, signal);
    const opened: FileHandle[] = [];
    try {
      const [size, nameSize] = [await sizeOf(path), await sizeOf(names)];
      if ((size === 0) !== (nameSize === 0)) {
        throw cannotContinue(path, `${size === 0 ? path : names}, which belongs to it, is not there.`);
      }
      await checkAsked(path, asked, size === 0);
      const found = await scan(options, size);
      if (size > 0) {
        await truncate(path, lengthOf(options, found.done.size));
        await truncate(names, found.nameBytes);
      }
      const rows = await open(path, size > 0 ? 'r+' : 'w');
      opened.push(rows);
      opened.push(await open(names, 'a'));
      const [, nameHandle = rows] = opened;
      const file = new FeaturesFile(options, lock, rows, nameHandle, found);
      await file.#sync();
      return file;
    } catch (error) {
      for (const handle of opened) await handle.close();
      await lock.release();
      throw error instanceof MenagerieError ? error : ioError(`cannot write ${path}`, error);
    }
  }

  /** Number of rows. */
  get count(): number {
    return this.#found.done.size;
  }

  /** Whether the row of a picture is there, from an earlier run or this one. */
  has(file: string): boolean {
    return this.#found.done.has(file);
  }

  /** Adds the features of a picture. @throws MenagerieError `io_error` */
  async append(file: string, features: Float32Array): Promise<void> {
    const { path } = this.#options;
    if (this.#lock.lost) throw new MenagerieError('io_error', `Another process writes ${path} now.`);
    const line = Buffer.from(`${file}\n`);
    const { done } = this.#found;
    try {
      await writeAt(this.#rows, new Uint8Array(features.buffer), lengthOf(this.#options, done.size));
      await this.#names.appendFile(line);
      done.add(file);
      this.#found.nameBytes += line.length;
      if (Date.now() - this.#synced >= SYNC_MS) await this.#sync();
    } catch (error) {
      // What was written of them before the disk was full would be removed when the files are continued, too.
      await this.#rows.truncate(lengthOf(this.#options, done.size)).catch(() => undefined);
      await this.#names.truncate(this.#found.nameBytes).catch(() => undefined);
      throw ioError(`cannot write ${path}`, error);
    }
  }

  /** Makes everything survive a power failure, and lets others write. */
  async close(): Promise<void> {
    try {
      await this.#sync();
    } catch (error) {
      throw ioError(`cannot write ${this.#options.path}`, error);
    } finally {
      await this.#rows.close();
      await this.#names.close();
      await this.#lock.release();
    }
  }

  /** First the rows and their names, then the header that says how many they are. */
  async #sync(): Promise<void> {
    await this.#rows.datasync();
    await this.#names.datasync();
    await writeAt(this.#rows, npyHeader([this.count, ...this.#options.shape]), 0);
    await this.#rows.datasync();
    this.#synced = Date.now();
  }
}

function lockPath(path: string): string {
  return `${path}.lock`;
}

/** Bytes of a file with so many rows. */
function lengthOf({ shape }: FeaturesFileOptions, rows: number): number {
  return npyHeader([rows, ...shape]).length + rows * countOf(shape) * FLOAT_BYTES;
}

async function sizeOf(path: string): Promise<number> {
  return await stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

/** Reads the names of the rows that are whole. */
async function scan(options: FeaturesFileOptions, size: number): Promise<Found> {
  const found: Found = { done: new NameSet(), nameBytes: 0 };
  if (size === 0) return found;
  for await (const { bytes, end, complete } of linesOf(piecesOf(namesPath(options.path)))) {
    if (!complete || lengthOf(options, found.done.size + 1) > size) break;
    const name = bytes.toString('utf8');
    if (name === '' || found.done.has(name)) {
      throw cannotContinue(options.path, `${namesPath(options.path)} has a line that menagerie did not write.`);
    }
    found.done.add(name);
    found.nameBytes = end;
  }
  return found;
}

/** Writes all of the bytes. */
async function writeAt(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, position + at);
    at += bytesWritten;
  }
}
