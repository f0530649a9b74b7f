import { readFile } from 'node:fs/promises';
import { MenagerieError } from '../core/errors.js';
import { createFlow } from '../core/fair-queue.js';
import { inputShape } from '../core/shape.js';
import { PLAIN_LOOK } from '../core/test-time.js';
import { topK } from '../core/top-k.js';
import { geometryOf } from '../core/views.js';
import type { RenderedLook } from '../imaging/read-picture.js';
import type { LanePool } from '../runtime/lane-pool.js';
import { pixelsOf } from '../runtime/pixels.js';
import type { NetworkSpec } from '../runtime/protocol.js';
import type { ModelFolder } from '../zoo/repository.js';
import { type NamedVariant, verifyWeights, weightsPath } from '../zoo/weights.js';
import type { ReadPictures } from './answerer.js';
import type { ServedModel } from './model.js';

/** What bringing a model up takes. */
export interface BringUpOptions {
  pool: Pick<LanePool, 'load' | 'unload' | 'run'>;
  /** Reads a golden picture. */
  read: ReadPictures;
  /**
   * Counts the multiply-accumulates of a file's network.
   * @param inputShape of the input for one picture
   */
  countMacs(file: string, inputShape: readonly number[]): Promise<number>;
  /** In how many lanes each model is loaded. */
  instances: number;
}

/**
 * Verifies the weights, loads them, and has the network answer its golden picture.
 * @param onLoaded called when what is left is trying it
 * @throws MenagerieError what verifying and loading throw, `signature_mismatch`, `golden_mismatch`; the network is then
 *   in no lane
 */
export async function bringUp(
  folder: ModelFolder,
  variant: NamedVariant,
  { key, rows }: Pick<NetworkSpec, 'key' | 'rows'>,
  options: BringUpOptions,
  onLoaded: () => void,
): Promise<ServedModel> {
  const { pool, instances } = options;
  const { sha256 } = await verifyWeights(folder, variant);
  const { input, preprocess, output, batch } = folder.manifest;
  const file = weightsPath(folder, variant);
  // Meanwhile, in a thread of its own. What cannot be counted is priced by the time it takes.
  const counting = options.countMacs(file, inputShape(folder.manifest, 1)).catch(() => undefined);
  const info = await pool.load({ key, file, rows, input, preprocess, output, batch }, instances);
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
  const macs = await counting;
  const gmacs = macs === undefined ? info.rowMs / NOMINAL_MS_PER_GMAC : macs / 1e9;
  const version = sha256.slice(0, 12);
  return { id: folder.id, variant: variant.name, version, key, folder, info, gmacs, rowMs: info.rowMs };
}

/** What a core of today takes for a billion multiply-accumulates. */
const NOMINAL_MS_PER_GMAC = 15;

async function checkGolden(
  { manifest, goldenImage, labels }: ModelFolder,
  key: string,
  { pool, read }: BringUpOptions,
): Promise<void> {
  const { golden } = manifest;
  if (!golden || goldenImage === undefined) return;
  const looks = [{ geometry: geometryOf(manifest), options: PLAIN_LOOK }];
  const picture = await read({ bytes: await readFile(goldenImage), autoOrient: true, looks });
  const { pixels } = picture.looks[0] as RenderedLook;
  const turn = { flow: createFlow(), cost: 1, signal: new AbortController().signal };
  const { scores } = await pool.run(key, { pixels: pixelsOf(pixels, 1), from: 0, rows: 1 }, turn);
  // Softmax would not change the order.
  const best = topK(scores, golden.within);
  if (best.some(({ index }) => index === golden.index)) return;
  const label = (index: number) => `${index} (${labels[index]?.name})`;
  throw new MenagerieError(
    'golden_mismatch',
    `The golden picture is answered ${best.map(({ index }) => label(index)).join(', ')}; expected ${label(golden.index)}.`,
  );
}
