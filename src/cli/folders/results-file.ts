import { type FileHandle, open, stat, truncate } from 'node:fs/promises';
import { MenagerieError } from '../../core/errors.js';
import { ioError } from '../../system/errors.js';
import { FileLock } from '../../system/file-lock.js';
import { piecesOf } from '../../system/regular-file.js';
import { linesOf } from '../../system/text/lines.js';
import { writeWhole } from '../../system/whole-file.js';
import { type AskedOfFile, askedPath, checkAsked } from './asked.js';
import { NameSet } from './name-set.js';
import { CSV_HEADER, cannotContinue, readResultLine } from './result-lines.js';
import { Tally } from './tally.js';

/** After a power failure at most the results of so many milliseconds are missing, and done again. */
const SYNC_MS = 5000;

export interface ResultsFileOptions {
  path: string;
  format: 'json' | 'csv';
  asked: AskedOfFile;
  /** Rows of CSV for a picture. */
  rows: number;
  /** Whether a file of CSV begins with the names of its columns. */
  header: boolean;
  /** Whether pictures that failed are done again. */
  retryFailed: boolean;
}

/** What is in a file of results. */
interface Scanned {
  /** Bytes up to the end of the last complete picture. */
  length: number;
  done: NameSet;
  tally: Tally;
  /** Offsets of the lines of pictures that failed. */
  failedAt: Set<number>;
}

/**
 * A file of results that is appended to, and continued if it is there. One process writes it: others are refused. Every result is given
 * to the system at once, so that a killed process loses none.
 */
export class ResultsFile {
  /** Counts what is in the file; whoever appends adds to it. */
  readonly tally: Tally;
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #lock: FileLock;
  readonly #done: NameSet;
  #length: number;
  #synced = Date.now();

  private constructor(path: string, handle: FileHandle, lock: FileLock, { done, tally, length }: Scanned) {
    this.tally = tally;
    this.#path = path;
    this.#handle = handle;
    this.#lock = lock;
    this.#done = done;
    this.#length = length;
  }

  /** Names of the files that belong to a file of results. */
  static namesFor(name: string): string[] {
    return [name, askedPath(name), lockPath(name)];
  }

  /**
   * Opens a file of results. A picture whose lines are not all there is removed from its end.
   * @throws MenagerieError `usage` if it has other results or is none; `io_error` if another process writes it, and for the disk
   */
  static async open(options: ResultsFileOptions, signal: AbortSignal): Promise<ResultsFile> {
    const { path, asked } = options;
    const before = await stat(path).catch(() => undefined);
    if (before && !before.isFile()) throw new MenagerieError('usage', `--out: ${path} is not a regular file.`);
    const lock = await FileLock.take(lockPath(path), path, signal);
    try {
      const size = await stat(path).then(
        (info) => info.size,
        () => 0,
      );
      await checkAsked(path, asked, size === 0);
      let scanned = nothing();
      if (size > 0) {
        scanned = await scan(options);
        if (scanned.length < size) await truncate(path, scanned.length);
        if (options.retryFailed && scanned.failedAt.size > 0) scanned = await withoutFailed(options, scanned);
      }
      const handle = await open(path, 'a');
      const file = new ResultsFile(path, handle, lock, scanned);
      if (scanned.length === 0 && options.header && options.format === 'csv') await file.#write(CSV_HEADER);
      return file;
    } catch (error) {
      await lock.release();
      throw error instanceof MenagerieError ? error : ioError(`cannot write ${path}`, error);
    }
  }

  /** Whether the result of a file is there, from an earlier run or this one. */
  has(file: string): boolean {
    return this.#done.has(file);
  }

  /** Adds the result of a file. @throws MenagerieError `io_error` */
  async append(file: string, text: string): Promise<void> {
    await this.#write(text);
    this.#done.add(file);
  }

  /** Makes everything survive a power failure, and lets others write. */
  async close(): Promise<void> {
    try {
      await this.#handle.sync();
    } catch (error) {
      throw ioError(`cannot write ${this.#path}`, error);
    } finally {
      await this.#handle.close();
      await this.#lock.release();
    }
  }

  async #write(text: string): Promise<void> {
    if (this.#lock.lost) throw new MenagerieError('io_error', `Another process writes ${this.#path} now.`);
    const bytes = Buffer.from(text);
    try {
      await this.#handle.appendFile(bytes);
      this.#length += bytes.length;
      if (Date.now() - this.#synced < SYNC_MS) return;
      await this.#handle.datasync();
      this.#synced = Date.now();
    } catch (error) {
      // What was written of the result before the disk was full would be removed when the file is continued, too.
      await this.#handle.truncate(this.#length).catch(() => undefined);
      throw ioError(`cannot write ${this.#path}`, error);
    }
  }
}

function nothing(): Scanned {
  return { length: 0, done: new NameSet(), tally: new Tally(), failedAt: new Set() };
}

function lockPath(path: string): string {
  return `${path}.lock`;
}

/** Reads all results. @throws MenagerieError `usage` naming a line that is none, unless it is the last and not complete */
async function scan({ path, format, rows, header }: ResultsFileOptions): Promise<Scanned> {
  const scanned = nothing();
  let number = 0;
  /** The picture whose rows are being read, and how many were. */
  let [file, read] = ['', 0];
  for await (const { bytes, start, end, complete } of linesOf(piecesOf(path))) {
    number++;
    if (!complete) break;
    const text = bytes.toString('utf8');
    if (number === 1 && header && format === 'csv' && `${text}\n` === CSV_HEADER) {
      scanned.length = end;
      continue;
    }
    const line = readResultLine(text, format);
    const next = line && (read === 0 || line.file === file) && line.rank === read + 1;
    if (!next) throw cannotContinue(path, `line ${number} is not one that menagerie wrote there.`);
    [file, read] = [line.file, read + 1];
    if (line.code === undefined && format === 'csv' && read < rows) continue;
    read = 0;
    scanned.done.add(file);
    scanned.length = end;
    if (line.code !== undefined) scanned.failedAt.add(start);
    scanned.tally.add(file, line.code);
  }
  return scanned;
}

/** Writes the file again without the pictures that failed: each is one line. */
async function withoutFailed(options: ResultsFileOptions, { failedAt }: Scanned): Promise<Scanned> {
  const { path } = options;
  await writeWhole(path, async (handle) => {
    for await (const { bytes, start } of linesOf(piecesOf(path))) {
      if (!failedAt.has(start)) await handle.appendFile(Buffer.concat([bytes, LINE_END]));
    }
  });
  return scan(options);
}

const LINE_END = Buffer.from('\n');
