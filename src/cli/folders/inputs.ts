import { stat } from 'node:fs/promises';
import { MenagerieError } from '../../core/errors.js';
import { type Entry, walk } from '../../datasets/walk.js';
import { systemCode } from '../../system/errors.js';
import { pathText } from '../../system/paths.js';
import { linesOf } from '../../system/text/lines.js';
import { piecesToUtf8 } from '../../system/text/text.js';
import { isInShard, type Shard } from './shard.js';

/** Longer than any system takes, and short enough to be held. */
const MAX_PATH_BYTES = 1 << 16;

export interface InputOptions {
  /** Only the files of this part. */
  shard: Shard | undefined;
  /** Names of the files that results are written to: they are none of the files to look at. */
  own: readonly string[];
}

/** What is found in paths, in their order: files as they are, folders with everything below. */
export async function* entriesOf(
  paths: Iterable<Buffer> | AsyncIterable<Buffer>,
  { shard, own }: InputOptions,
): AsyncGenerator<Entry> {
  const ignored = new Set(own);
  for await (const path of paths) {
    for await (const entry of walk(path, ignored)) {
      if (!shard || isInShard(entry.below, shard)) yield entry;
    }
  }
}

/** Checks that one of the paths is there: if none is, they were mistyped. @throws MenagerieError `file_missing` */
export async function assertAnyThere(paths: readonly string[]): Promise<void> {
  const [first] = paths;
  if (first === undefined) return;
  const there = await Promise.all(paths.map((path) => stat(path).catch((error) => systemCode(error) !== 'ENOENT')));
  if (there.some((found) => found)) return;
  const bytes = first.includes('\uFFFD') ? ' A name that is not UTF-8 can be given with --stdin.' : '';
  throw new MenagerieError('file_missing', `There is no file ${pathText(first)}.${bytes}`);
}

/**
 * Reads paths, one on each line, or each ended by a NUL byte. Lines may be UTF-16 with a byte order mark, and end with CR LF.
 * @param signal ends the reading
 * @throws MenagerieError `invalid_data` for a line that is longer than any path; errors of `input`
 */
export async function* pathsFrom(
  input: AsyncIterable<Uint8Array>,
  nullEnded: boolean,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  try {
    const pieces = nullEnded ? input : piecesToUtf8(input);
    for await (const { bytes } of linesOf(pieces, nullEnded ? 0 : 0x0a, MAX_PATH_BYTES)) {
      const path = !nullEnded && bytes.at(-1) === 0x0d ? bytes.subarray(0, -1) : bytes;
      if (path.length > 0) yield Buffer.from(path);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Counts entries while other work goes on, to say how long that takes. */
export class BackgroundCount {
  #total: number | undefined;
  #stopped = false;

  /** @param entries undefined if they cannot be counted */
  constructor(entries: AsyncIterable<Entry> | undefined) {
    if (entries) this.#count(entries).catch(() => undefined);
  }

  /** Undefined until all were counted. */
  get total(): number | undefined {
    return this.#total;
  }

  stop(): void {
    this.#stopped = true;
  }

  async #count(entries: AsyncIterable<Entry>): Promise<void> {
    let counted = 0;
    for await (const _ of entries) {
      if (this.#stopped) return;
      counted++;
    }
    this.#total = counted;
  }
}
