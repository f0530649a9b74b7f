import { type MenagerieError, toMenagerieError } from '../core/errors.js';
import { inOrder } from '../core/queues/in-order.js';
import type { ViewOptions } from '../core/views/test-time.js';
import { ioError, isSystemError } from '../system/errors.js';
import { RefusedFile } from '../system/regular-file.js';
import { type CachedFeaturesOptions, cachedFeatures } from './cache/cached-features.js';
import type { SkippedFile, TrainingPicture } from './pictures/training-set.js';

/** Features of pictures. */
export interface FeatureTable {
  /** The pictures that have features, in their order. */
  pictures: TrainingPicture[];
  /** Features of a picture. */
  size: number;
  /** pictures x size. */
  features: Float32Array;
  /** Pictures that could not be read. */
  failed: SkippedFile[];
  /** How many came from the cache, and how many were computed. */
  cached: number;
  computed: number;
}

export interface ReadFeaturesOptions extends CachedFeaturesOptions {
  /** Which view the network sees of a picture; undefined: the centre crop. Part of the key. */
  view?: (picture: TrainingPicture) => ViewOptions;
  /** Pictures in progress. */
  width: number;
  /** Is waited for before each picture: other work may come first. */
  turn(): Promise<void>;
  onProgress(done: number): void;
}

/** Errors that concern all pictures: the next one would meet them too. */
const FATAL: ReadonlySet<string> = new Set(['shutting_down', 'model_not_loaded', 'model_failed', 'internal']);

/**
 * Reads the features of pictures: from the cache, else from the network, in the background. A picture that cannot be read is left out.
 * @throws MenagerieError `too_little_disk`, `io_error`, an error that concerns all pictures; the signal's reason
 */
export async function readFeatures(
  pictures: readonly TrainingPicture[],
  { view, width, turn, onProgress, ...options }: ReadFeaturesOptions,
): Promise<FeatureTable> {
  const { cache, size, signal } = options;
  const rows: Float32Array[] = [];
  const table: Omit<FeatureTable, 'features'> = { pictures: [], size, failed: [], cached: 0, computed: 0 };
  const read = async (
    picture: TrainingPicture,
  ): Promise<{ values: Float32Array; cached: boolean } | MenagerieError> => {
    try {
      await turn();
      signal.throwIfAborted();
      return await cachedFeatures(picture, options, view?.(picture));
    } catch (error) {
      const unreadable = isSystemError(error) || error instanceof RefusedFile;
      return unreadable ? ioError('the file cannot be read', error) : toMenagerieError(error);
    }
  };
  let done = 0;
  try {
    const reading = inOrder(pictures, width, async (picture) => ({ picture, outcome: await read(picture) }));
    for await (const { picture, outcome } of reading) {
      signal.throwIfAborted();
      if ('values' in outcome) {
        table.pictures.push(picture);
        rows.push(outcome.values);
        table[outcome.cached ? 'cached' : 'computed']++;
      } else if (FATAL.has(outcome.code) || outcome.code === 'too_little_disk') throw outcome;
      else table.failed.push({ file: picture.file, reason: outcome.message });
      onProgress(++done);
    }
  } finally {
    // What was computed is kept, also if this ends early.
    await cache.flush();
  }
  const features = new Float32Array(rows.length * size);
  for (const [i, row] of rows.entries()) features.set(row, i * size);
  return { ...table, features };
}
