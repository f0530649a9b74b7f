import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { MenagerieError } from '../../core/errors.js';
import type { ModelFolder } from '../../zoo/repository.js';
import { findVariant, preferredVariant, verifyWeights, weightsPath } from '../../zoo/weights.js';

/** The ONNX file of a model. */
export interface WeightsFile {
  content: Readable;
  bytes: number;
  /** In hex. */
  sha256: string;
}

/**
 * Opens the ONNX file of a model, after it has been verified.
 * @param name name of the variant; default: the model's own, or else one that is pulled
 * @throws MenagerieError `unknown_variant`, `invalid_request` if the network has further files, and what verifying throws
 */
export async function openWeightsFile(folder: ModelFolder, name: string | undefined): Promise<WeightsFile> {
  const variant = name === undefined ? await preferredVariant(folder) : findVariant(folder, name);
  if (variant.external_data !== undefined) {
    throw new MenagerieError(
      'invalid_request',
      `The network of model "${folder.id}" has external data: it is not one file.`,
    );
  }
  const sha256 = await verifyWeights(folder, variant);
  const handle = await open(weightsPath(folder, variant));
  const { size: bytes } = await handle.stat();
  return { content: handle.createReadStream(), bytes, sha256 };
}
