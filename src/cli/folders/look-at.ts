import { MenagerieError, toMenagerieError } from '../../core/errors.js';
import { inOrder } from '../../core/queues/in-order.js';
import { isCameraRaw, isPicture } from '../../datasets/image-files.js';
import type { Entry, LeftOut } from '../../datasets/walk.js';
import { ioError } from '../../system/errors.js';
import { pathText } from '../../system/paths.js';
import { readRegular } from '../../system/regular-file.js';
import type { FolderProgress } from './folder-progress.js';
import type { BackgroundCount } from './inputs.js';
import type { Tally } from './tally.js';

/** Files in progress per worker: one that is computed, and one that waits. */
const FILES_PER_WORKER = 2;

/** How pictures are looked at. */
export interface LookOptions<R> {
  /** Number of workers. */
  workers: number;
  /** Most bytes of a file. */
  maxBytes: number;
  /** Knows which files were done before, by their path as text. */
  earlier: { has(file: string): boolean } | undefined;
  /** Answers about a picture. */
  answer(read: () => Promise<Uint8Array>): Promise<R | { error: MenagerieError }>;
}

/** Where the course of a run is noted. */
export interface Course {
  tally: Tally;
  count: BackgroundCount;
  progress: FolderProgress;
}

/** A picture that was looked at. */
export interface Looked<R> {
  entry: Entry;
  /** Its path as `pathText` writes it. */
  file: string;
  result: R | { error: MenagerieError };
}

/** What became of an entry. */
type Fate<R> = { file: string } & (
  | { kind: 'earlier' }
  | { kind: 'left out'; reason: LeftOut }
  | { kind: 'looked'; looked: Looked<R> }
);

/**
 * Looks at the pictures among what was found, a few at a time, and yields them in its order. What is left out is named. Ends early when
 * the command is stopped: files in progress are finished and yielded.
 * @throws errors of `entries`
 */
export async function* lookAtAll<R>(
  entries: AsyncIterable<Entry>,
  options: LookOptions<R>,
  { tally, count, progress }: Course,
  signal: AbortSignal,
): AsyncGenerator<Looked<R>> {
  let done = 0;
  try {
    const look = (entry: Entry) => lookAt(entry, options);
    for await (const fate of inOrder(untilStopped(entries, signal), FILES_PER_WORKER * options.workers, look)) {
      // A file that was named twice may have been done meanwhile.
      const earlier = fate.kind === 'earlier' || options.earlier?.has(fate.file) === true;
      if (fate.kind === 'left out') {
        tally.leaveOut(fate.reason);
        progress.say(`${fate.file}: left out: ${fate.reason}\n`);
      } else if (fate.kind === 'looked' && !earlier) yield fate.looked;
      progress.update(++done, count.total, earlier);
    }
  } finally {
    progress.clear();
  }
}

async function* untilStopped<T>(items: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  for await (const item of items) {
    if (signal.aborted) return;
    yield item;
  }
}

/** Never rejects. */
async function lookAt<R>(entry: Entry, { maxBytes, earlier, answer }: LookOptions<R>): Promise<Fate<R>> {
  const { path } = entry;
  const file = pathText(path);
  const looked = (result: R | { error: MenagerieError }): Fate<R> => {
    return { file, kind: 'looked', looked: { entry, file, result } };
  };
  try {
    if (entry.leftOut) return { file, kind: 'left out', reason: entry.leftOut };
    if (earlier?.has(file)) return { file, kind: 'earlier' };
    if (entry.fault) return looked({ error: ioError('It cannot be read', entry.fault) });
    // What cannot be read is reported when it is read.
    if (!(await isPicture(path).catch(() => true))) return { file, kind: 'left out', reason: 'not a picture' };
    if (isCameraRaw(file)) return looked({ error: RAW });
    return looked(await answer(() => readRegular(path, maxBytes, 'too_many_bytes')));
  } catch (error) {
    return looked({ error: toMenagerieError(error) });
  }
}

const RAW = new MenagerieError(
  'unsupported_image_format',
  'Raw files of cameras are not accepted; export them as JPEG.',
);
