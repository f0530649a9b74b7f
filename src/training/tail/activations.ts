import { Pieces } from '../../core/byte-source.js';
import { PLAIN_VIEW_OPTIONS, type TestTimeAugmentation } from '../../core/views/test-time.js';
import type { FeatureSource } from '../../serving/features.js';
import { readRegular } from '../../system/regular-file.js';
import type { FeatureCache } from '../cache/feature-cache.js';
import type { FeatureKey } from '../cache/feature-key.js';
import type { TrainingPicture } from '../pictures/training-set.js';
import type { ActivationSource } from './tail-task.js';

export interface ActivationOptions {
  /** A network whose features are the activations at the cut. */
  source: FeatureSource;
  cache: FeatureCache;
  key: FeatureKey;
  /** Values of a picture. */
  size: number;
  maxBytes: number;
  /** How pictures are distorted while layers learn; undefined: not at all. */
  augmentation: TestTimeAugmentation | undefined;
  seed: number;
  signal: AbortSignal;
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
    const { source, cache, key, size, signal } = this.#options;
    const { sha256 } = this.#picture(index);
    const known = await cache.get(key, sha256);
    if (known?.length === size) return known;
    const { mean } = await source.of(await this.#file(index), signal, PLAIN_VIEW_OPTIONS);
    await cache.put(key, sha256, mean);
    return mean;
  }

  async #drawn(index: number, epoch: number, augmentation: TestTimeAugmentation): Promise<Float32Array> {
    const { source, seed, signal } = this.#options;
    const view = { crops: 1, augmentation, seed: seed + EPOCH_SEEDS * (epoch + 1) + index, drawn: true } as const;
    return (await source.of(await this.#file(index), signal, view)).mean;
  }

  async #file(index: number): Promise<Pieces> {
    return new Pieces([await readRegular(this.#picture(index).path, this.#options.maxBytes, 'too_many_bytes')]);
  }

  #picture(index: number): TrainingPicture {
    const picture = this.#pictures[index];
    if (!picture) throw new Error(`there is no picture ${index}`);
    return picture;
  }
}
