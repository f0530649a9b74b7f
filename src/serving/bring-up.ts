import { readFile } from 'node:fs/promises';
import { MenagerieError } from '../core/errors.js';
import type { Picture } from '../core/picture.js';
import { topK } from '../core/top-k.js';
import type { LanePool } from '../runtime/lane-pool.js';
import type { ModelFolder } from '../zoo/repository.js';
import { type NamedVariant, verifyWeights, weightsPath } from '../zoo/weights.js';
import type { ServedModel } from './model.js';

/** What bringing a model up takes. */
export interface BringUpOptions {
  pool: Pick<LanePool, 'load' | 'unload' | 'run'>;
  /** Decodes a golden picture. */
  decode(bytes: Uint8Array): Promise<Picture>;
  /** In how many lanes each model is loaded. */
  instances: number;
}

/**
 * Verifies the weights, loads them, and has the network answer its golden picture.
 * @param key name for the network in the lanes
 * @param onLoaded called when what is left is trying it
 * @throws MenagerieError what verifying and loading throw, `signature_mismatch`, `golden_mismatch`; the network is then
 *   in no lane
 */
export async function bringUp(
  folder: ModelFolder,
  variant: NamedVariant,
  key: string,
  options: BringUpOptions,
  onLoaded: () => void,
): Promise<ServedModel> {
  const { pool, instances } = options;
  const { sha256 } = await verifyWeights(folder, variant);
  const { input, preprocess, output } = folder.manifest;
  const file = weightsPath(folder, variant);
  const info = await pool.load({ key, file, preparation: { input, preprocess }, output }, instances);
  try {
    onLoaded();
    if (info.classes !== folder.labels.length) {
      const what = `the network gives ${info.classes} scores, the label file has ${folder.labels.length} lines`;
      throw new MenagerieError('signature_mismatch', `Manifest and network differ: ${what}.`);
    }
    await checkGolden(folder, key, options);
  } catch (error) {
    await pool.unload(key);
    throw error;
  }
  return { id: folder.id, variant: variant.name, version: sha256.slice(0, 12), key, folder, info };
}

async function checkGolden(
  { manifest: { golden }, goldenImage, labels }: ModelFolder,
  key: string,
  { pool, decode }: BringUpOptions,
): Promise<void> {
  if (!golden || goldenImage === undefined) return;
  const picture = await decode(await readFile(goldenImage));
  const { probabilities } = await pool.run(key, picture, new AbortController().signal);
  const best = topK(probabilities, golden.within);
  if (best.some(({ index }) => index === golden.index)) return;
  const label = (index: number) => `${index} (${labels[index]?.name})`;
  throw new MenagerieError(
    'golden_mismatch',
    `The golden picture is answered ${best.map(({ index }) => label(index)).join(', ')}; expected ${label(golden.index)}.`,
  );
}
