import type { TestTimeAugmentation } from '../../core/views/test-time.js';
import { type CachedFeaturesOptions, cachedFeatures, pictureBytes } from '../cache/cached-features.js';
import type { TrainingPicture } from '../pictures/training-set.js';
import type { ActivationSource } from './tail-task.js';

/** The source is a network whose features are the activations at the cut. */
export interface ActivationOptions extends CachedFeaturesOptions {
  /** How pictures are distorted while layers learn; undefined: not at all. */
  augmentation: TestTimeAugmentation | undefined;
  seed: number;
}

/** Epochs differ by this in the seeds of their views: more than there are pictures. */
const EPOCH_SEEDS = 1_000_003;

/**
 * The activations of pictures at the cut. Those of plain views are kept in the cache; distorted views are drawn anew in each epoch.
 * @param pictures by the indices that are asked for
 */
export class Activations implements ActivationSource {
  readonly #pictures: readonly TrainingPicture[];
  readonly #options: ActivationOptions;

  constructor(pictures: readonly TrainingPicture[], options: ActivationOptions) {
    this.#pictures = pictures;
    this.#options = options;
  }

  /** @throws MenagerieError for a picture that cannot be read any more; `too_little_disk`, `io_error`; the signal's reason */
  async read(indices: Int32Array, epoch: number | undefined): Promise<Float32Array> {
    const { size, augmentation, signal } = this.#options;
    const batch = new Float32Array(indices.length * size);
    const each = Array.from(indices, async (index, row) => {
      signal.throwIfAborted();
      const plain = epoch === undefined || augmentation === undefined;
      batch.set(await (plain ? this.#plain(index) : this.#drawn(index, epoch, augmentation)), row * size);
    });
    // All are waited for, so that none is left behind when one fails.
    for (const outcome of await Promise.allSettled(each)) if (outcome.status === 'rejected') throw outcome.reason;
    return batch;
  }

  async #plain(index: number): Promise<Float32Array> {
    return (await cachedFeatures(this.#picture(index), this.#options)).values;
  }

  async #drawn(index: number, epoch: number, augmentation: TestTimeAugmentation): Promise<Float32Array> {
    const { source, maxBytes, seed, signal } = this.#options;
    const view = { crops: 1, augmentation, seed: seed + EPOCH_SEEDS * (epoch + 1) + index, drawn: true } as const;
    return (await source.of(await pictureBytes(this.#picture(index), maxBytes), signal, view)).mean;
  }

  #picture(index: number): TrainingPicture {
    const picture = this.#pictures[index];
    if (!picture) throw new Error(`there is no picture ${index}`);
    return picture;
  }
}
