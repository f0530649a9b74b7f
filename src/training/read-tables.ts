import { parseAugmentation, type ViewOptions } from '../core/views/test-time.js';
import { invalidData } from '../datasets/labelled-picture.js';
import type { BaseNetwork } from './base-network.js';
import type { FeatureKey } from './cache/feature-key.js';
import type { TrainingPicture, TrainingSet } from './pictures/training-set.js';
import { type FeatureTable, type ReadFeaturesOptions, readFeatures } from './read-features.js';
import type { StepTimes } from './step-times.js';
import type { TransferRequest } from './transfer-request.js';

/** The features of a set. */
export interface Tables {
  train: FeatureTable;
  val: FeatureTable;
  /** Features of distorted views of the pictures to train on, each pictures x size; none unless they were asked for. */
  drawn: readonly Float32Array[];
}

/** Distorted views of a picture that a classifier alone is also trained on. They are kept, so they are few. */
const DRAWN_VIEWS = 4;

/**
 * Reads the features of a set.
 * @param alone whether only a classifier is trained
 * @throws MenagerieError as readFeatures; `too_little_disk` before anything is computed
 */
export async function readTables(
  { augment, seed }: TransferRequest,
  alone: boolean,
  { pictures, validation }: TrainingSet,
  { source, key, size }: BaseNetwork,
  { cache, maxBytes, width, turn }: Pick<ReadFeaturesOptions, 'cache' | 'maxBytes' | 'width' | 'turn'>,
  times: StepTimes,
  signal: AbortSignal,
): Promise<Tables> {
  times.begin('features');
  const views = alone && augment !== '' ? DRAWN_VIEWS : 0;
  const total = (1 + views) * pictures.length + validation.length;
  await cache.assertRoom([{ pictures: total, size }]);
  let before = 0;
  const read = async (of: readonly TrainingPicture[], view?: number): Promise<FeatureTable> => {
    const options = { source, cache, size, maxBytes, width, turn, signal };
    const onProgress = (done: number) => times.progress(before + done, total);
    const own = view === undefined ? { key } : drawnView(key, augment, seed, view);
    const table = await readFeatures(of, { ...options, ...own, onProgress });
    before += of.length;
    return table;
  };
  const train = await read(pictures);
  const val = await read(validation);
  const drawn: Float32Array[] = [];
  for (let view = 0; view < views; view++) {
    const { features, failed } = await read(train.pictures, view);
    if (failed[0]) throw invalidData(`${failed[0].file} changed while it was trained on: ${failed[0].reason}`);
    drawn.push(features);
  }
  return { train, val, drawn };
}

/** A distorted view of each picture, which depends on the picture's bytes. */
function drawnView(key: FeatureKey, augment: string, seed: number, number: number) {
  const augmentation = parseAugmentation(augment);
  return {
    key: { ...key, view: JSON.stringify([augmentation, seed, number]) },
    view: ({ sha256 }: TrainingPicture): ViewOptions => ({
      crops: 1,
      augmentation,
      seed: Number.parseInt(sha256.slice(0, 8), 16) + seed + number,
      drawn: true,
    }),
  };
}
