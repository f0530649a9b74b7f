import { readFile } from 'node:fs/promises';
import { Pieces } from '../../core/byte-source.js';
import { MenagerieError } from '../../core/errors.js';
import { inputShape } from '../../core/manifest/input-shape.js';
import { createFlow } from '../../core/queues/fair-queue.js';
import { topK } from '../../core/scores/top-k.js';
import { NOMINAL_MS_PER_GMAC } from '../../core/units.js';
import type { NetworkSpec } from '../../runtime/networks/network-spec.js';
import { weightBytes } from '../../runtime/weights/weight-bytes.js';
import type { LoneInstances } from '../../runtime/workers/lone-instances.js';
import type { WorkerPool } from '../../runtime/workers/pool.js';
import type { ModelFolder } from '../../zoo/repository.js';
import { assertPulled, type NamedVariant, weightsPath } from '../../zoo/weights.js';
import type { Answerer } from '../answering/answerer.js';
import { planFor } from '../asking/plan.js';
import { PLAIN_QUESTION } from '../asking/question.js';
import { READING_GMACS } from '../cost/cost.js';
import type { ServedModel } from '../models/model.js';
import type { ModelEvents } from '../models/model-events.js';
import { statedHashes } from './base-file.js';

/** Networks that cost more have an instance for lone requests. Others take little longer than decoding, and gain less by threads. */
export const LONE_GMACS = 1;

/** What loading a model needs. */
export interface BringUpOptions {
  pool: Pick<WorkerPool, 'load' | 'unload' | 'instances' | 'holds'> & { lone: Pick<LoneInstances, 'load' | 'get'> };
  /** Answers golden pictures. */
  answerer: Pick<Answerer, 'answer'>;
  /**
   * Counts the multiply-accumulates of a network.
   * @param inputShape shape of the input for one picture
   */
  countMacs(file: string, inputShape: readonly number[]): Promise<number>;
  /** Number of workers that load each model. */
  instances: number;
}

/**
 * Loads a model into the workers, each of which verifies the weights, and checks its answer to its golden picture.
 * @param onLoaded called after loading, before the check
 * @throws MenagerieError what loading throws, `signature_mismatch`, `golden_mismatch`; no worker holds the network then
 */
export async function bringUp(
  folder: ModelFolder,
  variant: NamedVariant,
  { key, rows, base }: Pick<NetworkSpec, 'key' | 'rows' | 'base'>,
  options: BringUpOptions,
  onLoaded: () => void,
): Promise<ServedModel> {
  const { pool, instances } = options;
  await assertPulled(folder, variant);
  const spec = networkSpecOf(folder, variant, { key, rows, base });
  const { manifest } = folder;
  // Counted meanwhile, in a separate process, unless stated. If that fails, the cost is computed from the measured time.
  const counting = manifest.macs ?? options.countMacs(spec.file, inputShape(manifest, 1)).catch(() => undefined);
  const info = await pool.load(spec, instances);
  try {
    onLoaded();
    if (info.classes !== folder.labels.length) {
      const what = `the network gives ${info.classes} scores, the label file has ${folder.labels.length} lines`;
      throw new MenagerieError('signature_mismatch', `Manifest and network differ: ${what}.`);
    }
    const macs = await counting;
    const gmacs = macs === undefined ? info.viewMs / NOMINAL_MS_PER_GMAC : macs / 1e9;
    const version = info.sha256.slice(0, 12);
    const { id } = folder;
    const served = { id, variant: variant.name, version, key, folder, info, gmacs, viewMs: info.viewMs };
    await checkGolden(served, options);
    return served;
  } catch (error) {
    await pool.unload(key);
    throw error;
  }
}

/** Loads the instance for lone requests of a model that serves, if its network takes long enough to gain by one. */
export async function loadLone(
  { id, key, gmacs }: ServedModel,
  { pool, events }: Pick<BringUpOptions, 'pool'> & { events: Pick<ModelEvents, 'loneInstance'> },
): Promise<void> {
  const outcome = gmacs > LONE_GMACS ? await pool.lone.load(key) : undefined;
  if (outcome) events.loneInstance(id, outcome);
}

/** The network of a variant, whose weights must be there. */
export function networkSpecOf(
  model: ModelFolder,
  variant: NamedVariant,
  { key, rows, base }: Pick<NetworkSpec, 'key' | 'rows' | 'base'>,
): NetworkSpec {
  const { input, preprocess, output, batch, unknown } = model.manifest;
  const file = weightsPath(model, variant);
  return {
    key,
    file,
    labels: model.labels.length,
    bytes: weightBytes(file),
    fileSha256: variant.sha256,
    externalSha256: statedHashes(variant),
    rows,
    input,
    preprocess,
    output,
    batch,
    ...(unknown ? { unknown } : {}),
    base,
  };
}

async function checkGolden(model: ServedModel, { answerer }: BringUpOptions): Promise<void> {
  const { manifest, goldenImage, labels } = model.folder;
  const { golden } = manifest;
  if (!golden || goldenImage === undefined) return;
  const member = { model, weight: 1, crops: 1 } as const;
  const target = { id: model.id, named: true, because: undefined, ensemble: undefined, missing: [], labels };
  const plan = planFor(PLAIN_QUESTION, { ...target, members: [member] });
  const work = {
    bytes: new Pieces([await readFile(goldenImage)]),
    pixels: 0,
    reading: { gmacs: READING_GMACS, ms: 0 },
  };
  const { answer } = await answerer.answer(work, plan, { flow: createFlow(), signal: new AbortController().signal });
  const best = topK(answer.combined.scores, golden.within);
  if (best.some(({ index }) => index === golden.index)) return;
  const label = (index: number) => `${index} (${labels[index]?.name})`;
  throw new MenagerieError(
    'golden_mismatch',
    `The golden picture is answered ${best.map(({ index }) => label(index)).join(', ')}; expected ${label(golden.index)}.`,
  );
}
