import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MenagerieError } from '../../core/errors.js';
import { inMib, MIB } from '../../core/units.js';
import { invalidData } from '../../datasets/labelled-picture.js';
import { assertDiskRoom } from '../../system/disk/disk-room.js';
import { ioError, isSystemError } from '../../system/errors.js';
import { MAX_PICTURES, type SkippedFile } from '../pictures/training-set.js';
import { picturePath, quotedPath } from './picture-path.js';

/** The limits on a set that is received. */
export interface ReceiveLimits {
  /** Most bytes of all files together, as they are sent and as they are written. */
  bytes: number;
  /** Most bytes of one picture. */
  maxBytes: number;
}

/** What was received. */
export interface ReceivedSet {
  files: number;
  /** Of all files together. */
  bytes: number;
  skipped: SkippedFile[];
}

/** Bytes after which the free disk is looked at again, because others write too. Less than what is kept free. */
const CHECK_BYTES = 64 * MIB;
/** Files whose bytes are far more than those of their archive are a trap. Pictures hardly become smaller, drawings up to 50 times. */
const MAX_RATIO = 100;
/** Bytes that any archive may hold, because a few plain pictures can be much smaller. */
const FREE_RATIO_BYTES = 64 * MIB;

/** A file is opened, gets bytes, is complete, or is removed because it is too large. */
type Step = { path: string[] } | { bytes: Uint8Array } | 'complete' | 'remove';

/**
 * Writes the files of a set into a folder. What is parsed is told by `begin`, `add` and `end`, and written by `settle`, so
 * that parsers need not wait, and yet no more than one chunk is in memory.
 */
export class PictureSink {
  readonly #folder: string;
  readonly #limits: ReceiveLimits;
  /** Bytes of the archive that the files come from. */
  readonly #archiveBytes: number;
  readonly #steps: Step[] = [];
  /** Paths of files, and of folders, as file systems compare them that do not tell upper from lower case. */
  readonly #files = new Set<string>();
  readonly #folders = new Set<string>();
  readonly #skipped: SkippedFile[] = [];
  #entries = 0;
  #total = 0;
  #unchecked = 0;
  #written = 0;
  #writtenBytes = 0;
  /** The file whose bytes are told. */
  #current: { name: string; bytes: number } | undefined;
  /** The file that is written. */
  #open: { file: string; handle: FileHandle } | undefined;

  constructor(folder: string, limits: ReceiveLimits, archiveBytes = Number.POSITIVE_INFINITY) {
    this.#folder = folder;
    this.#limits = limits;
    this.#archiveBytes = archiveBytes;
  }

  /** Counts what is no file, such as a folder. @throws MenagerieError `too_many_images`, `invalid_data` for its path */
  pass(path: string): void {
    this.#countEntry();
    picturePath(path);
  }

  /**
   * A file begins.
   * @param path within the set, its parts separated by `/`
   * @returns whether it is kept; if not, its bytes may be told or left out
   * @throws MenagerieError `invalid_data` if its path is not accepted, `too_many_images`
   */
  begin(path: string): boolean {
    this.#countEntry();
    const { parts, leftOut } = picturePath(path);
    if (parts.length === 0) throw invalidData('A file has no name.');
    if (leftOut) {
      this.#skipped.push({ file: path, reason: leftOut });
      this.#current = undefined;
      return false;
    }
    this.#claim(parts, path);
    this.#current = { name: path, bytes: 0 };
    this.#steps.push({ path: parts });
    return true;
  }

  /**
   * Counts bytes that have arrived, or that came out of an archive.
   * @throws MenagerieError `too_many_bytes` if there are too many, `invalid_data` if an archive is a trap
   */
  count(bytes: number): void {
    this.#total += bytes;
    if (this.#total > this.#limits.bytes) throw setTooLarge(this.#limits.bytes);
    if (this.#total <= Math.max(FREE_RATIO_BYTES, MAX_RATIO * this.#archiveBytes)) return;
    throw invalidData(`The archive holds more than ${MAX_RATIO} times its own bytes, as no archive of pictures does.`);
  }

  /** The next bytes of the file. */
  add(bytes: Uint8Array): void {
    const current = this.#current;
    if (!current) return;
    current.bytes += bytes.length;
    if (current.bytes > this.#limits.maxBytes) {
      this.#skipped.push({ file: current.name, reason: `larger than the limit of ${this.#limits.maxBytes} bytes` });
      this.#current = undefined;
      this.#steps.push('remove');
      return;
    }
    this.#steps.push({ bytes });
  }

  /** The file ends. */
  end(): void {
    if (this.#current) this.#steps.push('complete');
    this.#current = undefined;
  }

  /** Does what was told. @throws MenagerieError `too_little_disk`, `io_error` */
  async settle(): Promise<void> {
    for (const step of this.#steps.splice(0)) {
      try {
        await this.#do(step);
      } catch (error) {
        throw isSystemError(error) ? ioError('cannot write the pictures', error) : error;
      }
    }
  }

  /** Closes what is open. */
  async close(): Promise<void> {
    await this.#open?.handle.close();
    this.#open = undefined;
  }

  /** Files and folders that were told, kept or not. */
  get entries(): number {
    return this.#entries;
  }

  /** What was received so far. */
  get received(): ReceivedSet {
    return { files: this.#written, bytes: this.#writtenBytes, skipped: this.#skipped };
  }

  async #do(step: Step): Promise<void> {
    if (step === 'complete' || step === 'remove') {
      await this.#open?.handle.close();
      if (step === 'complete') this.#written++;
      else if (this.#open) await rm(this.#open.file, { force: true });
      this.#open = undefined;
    } else if ('path' in step) {
      const file = join(this.#folder, ...step.path);
      await mkdir(dirname(file), { recursive: true });
      this.#open = { file, handle: await open(file, 'wx') };
    } else {
      if (this.#unchecked === 0) await assertDiskRoom(this.#folder, step.bytes.length, 'The pictures');
      this.#unchecked = this.#unchecked > CHECK_BYTES ? 0 : this.#unchecked + step.bytes.length;
      await this.#open?.handle.writeFile(step.bytes);
      this.#writtenBytes += step.bytes.length;
    }
  }

  #countEntry(): void {
    if (++this.#entries <= 2 * MAX_PICTURES) return;
    throw new MenagerieError(
      'too_many_images',
      `A training set has at most ${MAX_PICTURES} pictures, and as many other files.`,
    );
  }

  /** @throws MenagerieError `invalid_data` if a file or folder of this path, whatever the case, is there already */
  #claim(parts: readonly string[], path: string): void {
    const keys = parts.map((_, i) =>
      parts
        .slice(0, i + 1)
        .join('/')
        .normalize('NFC')
        .toLowerCase(),
    );
    const file = keys.pop() ?? '';
    if (this.#files.has(file) || this.#folders.has(file) || keys.some((folder) => this.#files.has(folder))) {
      throw invalidData(
        `The file ${quotedPath(path)} is there twice, or differs from another one in nothing but case.`,
      );
    }
    this.#files.add(file);
    for (const folder of keys) this.#folders.add(folder);
  }
}

/** The error for a set of too many bytes. @param limit bytes */
export function setTooLarge(limit: number): MenagerieError {
  return new MenagerieError(
    'too_many_bytes',
    `A training set has at most ${inMib(limit)} MB (MENAGERIE_TRAINING_BYTES).`,
  );
}
