import { Pieces } from '../../core/byte-source.js';
import type { ViewOptions } from '../../core/views/test-time.js';
import type { FeatureSource } from '../../serving/features.js';
import { readRegular } from '../../system/regular-file.js';
import type { TrainingPicture } from '../pictures/training-set.js';
import type { FeatureCache } from './feature-cache.js';
import type { FeatureKey } from './feature-key.js';

/** Where features of pictures come from, and where they are kept. */
export interface CachedFeaturesOptions {
  source: FeatureSource;
  cache: FeatureCache;
  /** What the features depend on. */
  key: FeatureKey;
  /** Features of a picture. */
  size: number;
  /** Most bytes of one picture. */
  maxBytes: number;
  signal: AbortSignal;
}

/**
 * The features of a picture: from the cache, else from the network, which then are kept.
 * @param view which view the network sees; undefined: the centre crop. Part of the key
 * @throws MenagerieError `too_many_bytes`, what the source and the cache throw; RefusedFile and system errors for the file; the signal's reason
 */
export async function cachedFeatures(
  picture: TrainingPicture,
  { source, cache, key, size, maxBytes, signal }: CachedFeaturesOptions,
  view?: ViewOptions,
): Promise<{ values: Float32Array; cached: boolean }> {
  const known = await cache.get(key, picture.sha256);
  if (known?.length === size) return { values: known, cached: true };
  const { mean } = await source.of(await pictureBytes(picture, maxBytes), signal, view);
  await cache.put(key, picture.sha256, mean);
  return { values: mean, cached: false };
}

/** The bytes of a picture. @throws MenagerieError `too_many_bytes`; RefusedFile; system errors */
export async function pictureBytes({ path }: TrainingPicture, maxBytes: number): Promise<Pieces> {
  return new Pieces([await readRegular(path, maxBytes, 'too_many_bytes')]);
}
