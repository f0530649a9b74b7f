import { MenagerieError } from '../core/errors.js';
import type { BaseFile } from '../runtime/networks/network-spec.js';
import type { FeatureSource } from '../serving/features.js';
import { statedHashes } from '../serving/loading/base-file.js';
import { sha256Of } from '../zoo/files.js';
import { findVariant, weightsPath } from '../zoo/weights.js';
import type { FeatureKey } from './cache/feature-key.js';

/** The network that a training begins with. */
export interface BaseNetwork {
  source: FeatureSource;
  file: BaseFile;
  /** Number of features. */
  size: number;
  /** What its features depend on. */
  key: FeatureKey;
}

/**
 * What a training needs to know of a network.
 * @throws MenagerieError `not_trainable` if it gives no features or states no softmax; system errors if its file cannot be read
 */
export async function baseNetwork(source: FeatureSource): Promise<BaseNetwork> {
  const { id, variant: name, folder, info } = source.model;
  const { output, input, preprocess } = folder.manifest;
  if (info.features === undefined) throw noFeatures(id);
  const variant = findVariant(folder, name);
  const file = weightsPath(folder, variant);
  const fileSha256 = variant.sha256 ?? (await sha256Of(file)).sha256;
  return {
    source,
    file: { file, fileSha256, externalSha256: statedHashes(variant), output: output.name },
    size: info.features,
    key: {
      weights: info.sha256,
      preparation: JSON.stringify([input, preprocess]),
      view: 'centre',
      tensor: 'features',
    },
  };
}

/** The error for a network without a layer to replace. */
export function noFeatures(id: string): MenagerieError {
  return new MenagerieError(
    'not_trainable',
    `"${id}" has no last layer with weights that a new classifier could replace.`,
  );
}
