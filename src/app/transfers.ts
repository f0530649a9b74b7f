import { realpath } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Config } from '../config/load-config.js';
import { MenagerieError, toMenagerieError } from '../core/errors.js';
import { countOf } from '../core/shape.js';
import { runtimeVersion } from '../runtime/device/machine.js';
import { noFeatures } from '../training/base-network.js';
import { FeatureCache } from '../training/cache/feature-cache.js';
import { JobQueue, type JobQueueOptions, type RunTransfer } from '../training/jobs/job-queue.js';
import { JobStore } from '../training/jobs/job-store.js';
import { type TransferTools, transfer } from '../training/transfer.js';
import { withoutPaths } from '../zoo/repository.js';
import type { Engine } from './engine.js';
import { writableModels } from './models-to-load.js';

/** Pictures in progress for each worker: one is read from the disk while another is computed. */
const PICTURES_PER_WORKER = 2;

/**
 * What trainings use of an engine.
 * @param background whether their work waits for all other work
 * @throws MenagerieError `io_error`
 */
export async function transferTools(
  engine: Engine,
  config: Config,
  { version, background }: { version: string; background: boolean },
): Promise<TransferTools> {
  const { registry, features, pool, startTrainer } = engine;
  const models = writableModels(config);
  return {
    assertFree: (id) => assertFree(engine, config, id),
    openBase: async ({ base, variant: named, depth }) => {
      // Layers can only learn in fp32.
      const variant = named ?? (depth === 'head' ? undefined : 'fp32');
      const served = (await registry.status(base)).served ?? (await registry.load(base, variant));
      if (served.info.features === undefined) throw noFeatures(base);
      if (variant !== undefined && variant !== served.variant) {
        return await features.openOwn(base, variant, undefined, background);
      }
      return await features.open(base, background);
    },
    openCut: ({ source: { model } }, { tensor, dims }) =>
      features.openOwn(model.id, model.variant, { tensor, size: countOf(dims) }, background),
    adopt: (staged) => registry.adopt(staged),
    startTrainer: () => startTrainer(background),
    cache: await FeatureCache.open(join(config.dataDir, 'features'), { bytes: config.featureCache }),
    models,
    maxBytes: config.maxBytes,
    maxPixels: config.maxPixels,
    width: PICTURES_PER_WORKER * pool.size,
    turn: () => pool.yielding.turn(),
    versions: { menagerie: version, onnxruntime: runtimeVersion(), node: process.version },
  };
}

/** @throws MenagerieError `model_protected` if no training may make a model of this id */
async function assertFree({ repository }: Engine, config: Config, id: string): Promise<void> {
  const models = writableModels(config);
  const root = await realpath(models).catch(() => resolve(models));
  repository.assertFree({ id, folder: join(root, id) });
}

/** The trainings of a server. */
export interface Transfers {
  jobs: JobQueue;
  store: JobStore;
}

/**
 * Opens the queue of trainings, and goes on with those that the last server left.
 * @throws MenagerieError `io_error`
 */
export async function openTransfers(
  engine: Engine,
  config: Config,
  version: string,
  events: Pick<JobQueueOptions, 'onState' | 'onFault'>,
): Promise<Transfers> {
  const store = new JobStore(join(config.dataDir, 'transfers'));
  const run: RunTransfer = async (request, onProgress, keepReport, signal) => {
    try {
      // For each training, because a cache keeps what it knows in memory.
      const tools = await transferTools(engine, config, { version, background: true });
      return await transfer(request, tools, { onProgress, keepReport }, signal);
    } catch (error) {
      throw await shownError(error, engine, config);
    }
  };
  const options = { store, run, assertFree: (id: string) => assertFree(engine, config, id), ...events };
  return { jobs: await JobQueue.open(options), store };
}

/** An error for clients: its message names files, but not their place on this machine. */
async function shownError(error: unknown, { repository }: Engine, { dataDir }: Config): Promise<MenagerieError> {
  const { code, message, cause } = toMenagerieError(error);
  const real = await realpath(dataDir).catch(() => resolve(dataDir));
  const roots = [real, resolve(dataDir), dataDir, ...repository.roots];
  return new MenagerieError(code, withoutPaths({ roots }, message), { cause: cause ?? error });
}
