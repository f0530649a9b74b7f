import type { Config } from '../config/load-config.js';
import type { Pieces } from '../core/byte-source.js';
import type { DecodeCost } from '../core/decode-cost.js';
import { decodeCost } from '../imaging/decode-cost.js';
import { readMachine } from '../runtime/device/machine.js';
import { Inspector } from '../runtime/workers/inspector.js';
import { type PoolEvents, WorkerPool } from '../runtime/workers/pool.js';
import { findLevers, type Levers } from '../runtime/workers/process/levers.js';
import { Answerer } from '../serving/answering/answerer.js';
import { SharedAnswers } from '../serving/answering/shared-answers.js';
import { Classifier } from '../serving/classifier.js';
import { Admission } from '../serving/cost/admission.js';
import { ReadingSpeed } from '../serving/cost/cost.js';
import type { ServingEvents } from '../serving/events.js';
import { Features } from '../serving/features.js';
import { LayerNetworks } from '../serving/layer-networks.js';
import { ModelRegistry, type ModelTuning } from '../serving/loading/model-registry.js';
import { Summaries } from '../serving/summaries.js';
import { Targets } from '../serving/targets.js';
import { Trainer } from '../training/trainer.js';
import type { LiveRepository } from '../zoo/live-repository.js';
import { layoutOf } from './layout.js';
import { type MemoryBudget, memoryBudget } from './memory-budget.js';
import { namedInSettings, openModels } from './models-to-load.js';

// Connects the rooms. The server and the commands that compute in their own process use the same engine.

const TRAINER_SCRIPT = new URL('../training/inside/trainer-main.js', import.meta.url);
export const WORKER_SCRIPT = new URL('../runtime/workers/inside/worker-main.js', import.meta.url);
/** A worker with longer jobs does not get its next batch in advance: it loses little by waiting, and that batch could lose more. */
const AHEAD_MS = 10;

export interface Engine {
  repository: LiveRepository;
  summaries: Summaries;
  pool: WorkerPool;
  admission: Admission;
  answers: SharedAnswers;
  registry: ModelRegistry;
  classifier: Classifier;
  features: Features;
  /**
   * Starts a process that trains. It must be stopped.
   * @param background whether it yields to requests
   */
  startTrainer(background: boolean): Trainer;
  /** Ends all worker processes. */
  stop(): Promise<void>;
}

/** Listeners for the events of an engine. */
export interface EngineEvents {
  serving: ServingEvents;
  workers: Omit<PoolEvents, 'executed' | 'instancesChanged'>;
}

/** The configuration without limits on cost, for commands: they may take any time. */
export function unbounded(config: Config): Config {
  return { ...config, queue: Number.POSITIVE_INFINITY, maxCost: Number.POSITIVE_INFINITY };
}

/** For commands, which report events in their own way. */
const SILENT: EngineEvents = {
  serving: {
    classifyStarted() {},
    imageClassified() {},
    imageFailed() {},
    executed() {},
    modelStateChanged() {},
    modelLoaded() {},
    modelRemoved() {},
  },
  workers: { workerBusy() {}, workerReplaced() {}, networkLost() {} },
};

export interface EngineOptions {
  config: Config;
  /** Environment of the server. Workers get a part of it. */
  env: NodeJS.ProcessEnv;
  events?: EngineEvents;
  /** Default: the models in the model directories. */
  repository?: LiveRepository;
  /** Whether all workers get the network of a layer whose values are asked for; default: one, because the others serve. */
  layersEverywhere?: boolean;
  /** Tuned variant and batch of models, by id. */
  tuned?: ReadonlyMap<string, ModelTuning>;
}

/**
 * Creates an engine and starts its workers. No model is loaded yet.
 * @throws MenagerieError `invalid_config` for a model directory that does not exist, `io_error`
 */
export async function createEngine({
  config,
  env,
  events = SILENT,
  tuned,
  layersEverywhere,
  ...found
}: EngineOptions): Promise<Engine> {
  const repository = found.repository ?? (await openModels(config));
  const machine = readMachine();
  const levers = await findLevers();
  const { workers, threads, renderers } = layoutOf(config, machine);
  const budget = memoryBudget(config, machine.usableMemory, workers + renderers, levers);
  const pool = new WorkerPool({
    workers,
    renderers,
    script: WORKER_SCRIPT,
    levers,
    memory: budget.workers,
    env,
    device: config.device,
    threads,
    batch: config.batch,
    decode: { maxPixels: config.maxPixels },
    batchDelayMs: config.batchDelayMs,
    aheadMs: AHEAD_MS,
    runTimeoutMs: config.workerTimeoutMs,
    loadTimeoutMs: config.loadTimeoutMs,
    events: {
      ...events.workers,
      executed: (key, rows, ms) => registry.executed(key, rows, ms),
      networkLost: (key, reason, remaining) => {
        events.workers.networkLost(key, reason, remaining);
        if (remaining === 0) registry.networkLost(key, reason);
      },
      instancesChanged: (key) => registry.instancesChanged(key),
    },
  });
  const answerer = new Answerer({ pool, viewBytes: budget.viewBytes });
  // Counts multiply-accumulates while models load. Unlimited, because there may be any number of models.
  const counter = createInspector(config, env, levers, budget, Number.POSITIVE_INFINITY);
  const registry = new ModelRegistry({
    repository,
    named: namedInSettings(config),
    pool,
    answerer,
    allowUntrained: config.untrained === 'allow',
    countMacs: async (file, inputShape) => {
      const { summary } = await counter.inspect({ file, inputShape, timing: false });
      return summary.totals.macs;
    },
    instances: Math.min(config.instances ?? workers, workers),
    tuned: tuned ?? new Map(),
    events: events.serving,
  });
  const admission = new Admission({ capacity: config.queue, limit: config.maxCost, workers });
  const answers = new SharedAnswers(config.cache);
  const inspector = createInspector(config, env, levers, budget);
  const { activationBytes } = budget;
  const summaries = new Summaries({ repository, inspector, activationBytes, admission });
  const layers = new LayerNetworks({ pool, summaries, admission, instances: layersEverywhere ? workers : 1 });
  const tools = {
    targets: new Targets({ registry, repository, layers, defaultModel: config.defaultModel }),
    answerer,
    admission,
    costOfDecoding: (file: Pieces) => costWithin(file, config.maxPixels),
    decodeBytes: () => pool.decodeBytes,
    speed: new ReadingSpeed(),
  };
  const classifier = new Classifier({ ...tools, answers, workers, events: events.serving });
  const features = new Features({ ...tools, pool, repository, instances: layersEverywhere ? workers : 1 });
  const startTrainer = (background: boolean) => {
    const yielding = background ? pool.yielding : undefined;
    return Trainer.start({ script: TRAINER_SCRIPT, levers, env, memoryBytes: budget.inspectionBytes, yielding });
  };
  const stop = async () => void (await Promise.all([pool.stop(), counter.stop(), inspector.stop()]));
  return { repository, summaries, pool, admission, answers, registry, classifier, features, startTrainer, stop };
}

function createInspector(
  { loadTimeoutMs: timeoutMs }: Config,
  env: NodeJS.ProcessEnv,
  levers: Levers,
  { inspectionBytes: memoryBytes }: MemoryBudget,
  maxPending?: number,
): Inspector {
  const options = { script: WORKER_SCRIPT, levers, env, timeoutMs, memoryBytes };
  return new Inspector(maxPending === undefined ? options : { ...options, maxPending });
}

export interface OpenedInspector {
  inspector: Inspector;
  activationBytes: number;
}

/** The cost of decoding a picture; undefined beyond the limit on pixels, which the worker reports. */
function costWithin(file: Pieces, maxPixels: number): DecodeCost | undefined {
  const cost = decodeCost(file, maxPixels);
  return cost && cost.width * cost.height <= maxPixels ? cost : undefined;
}

/** Starts an inspector without an engine. It must be stopped. */
export async function openInspector(config: Config, env: NodeJS.ProcessEnv): Promise<OpenedInspector> {
  const levers = await findLevers();
  const budget = memoryBudget(config, readMachine().usableMemory, 1, levers);
  return { inspector: createInspector(config, env, levers, budget), activationBytes: budget.activationBytes };
}
