import { fileURLToPath } from 'node:url';
import type { Config } from '../config/load-config.js';
import { MenagerieError } from '../core/errors.js';
import { variantsOf } from '../core/manifest.js';
import type { Layout } from '../core/tuning.js';
import { Inspector } from '../runtime/inspector.js';
import type { LaneEvents } from '../runtime/jobs.js';
import { LanePool } from '../runtime/lane-pool.js';
import { readMachine } from '../runtime/machine.js';
import { Readers } from '../runtime/readers.js';
import { Admission } from '../serving/admission.js';
import { Answerer, type ReadPictures } from '../serving/answerer.js';
import { Classifier } from '../serving/classifier.js';
import type { ServingEvents } from '../serving/events.js';
import { ModelRegistry, type ModelTuning } from '../serving/model-registry.js';
import { SharedAnswers } from '../serving/shared-answers.js';
import { Summaries } from '../serving/summaries.js';
import { type Asked, membersOf, Targets } from '../serving/target.js';
import { openRepository, type Repository } from '../zoo/repository.js';
import { isPulled } from '../zoo/weights.js';

// Puts the rooms together. Serving and the commands that work in process use the same engine.

const BUILT_IN_MODELS = fileURLToPath(new URL('../../models', import.meta.url));
const LANE_SCRIPT = new URL('../runtime/lane-worker.js', import.meta.url);
const READ_SCRIPT = new URL('../runtime/read-worker.js', import.meta.url);
const INSPECT_SCRIPT = new URL('../runtime/inspect-worker.js', import.meta.url);

/**
 * Readers for so many cores. With small pictures more than four would wait for the one thread that speaks HTTP, which has a
 * millisecond to do for each, a reader one to four. Large photographs take a reader a fifth of what they take in all.
 */
const readersFor = (cores: number): number => Math.min(cores, Math.max(4, Math.ceil(cores / 4)));

export interface Engine {
  repository: Repository;
  summaries: Summaries;
  pool: LanePool;
  admission: Admission;
  answers: SharedAnswers;
  registry: ModelRegistry;
  classifier: Classifier;
  /** Ends all threads, those at work once they have finished it, if that does not take long. */
  stop(): Promise<void>;
}

/** Everything that listens to an engine. */
export interface EngineEvents {
  serving: ServingEvents;
  lanes: Omit<LaneEvents, 'executed'>;
  /** A reader died and is being replaced. */
  readerReplaced(reason: string): void;
}

/** A configuration without limits on price: whoever runs a command may take as long as they like. */
export function unbounded(config: Config): Config {
  return { ...config, queue: Number.POSITIVE_INFINITY, maxPrice: Number.POSITIVE_INFINITY };
}

/** For commands that say themselves what happens. */
export const SILENT: EngineEvents = {
  serving: {
    classifyStarted() {},
    imageClassified() {},
    imageFailed() {},
    executed() {},
    modelStateChanged() {},
    modelLoaded() {},
  },
  lanes: { laneBusy() {}, laneReplaced() {}, networkLost() {} },
  readerReplaced() {},
};

/** The model directories of a configuration: the built-in one first. */
export function modelDirectories(config: Config): string[] {
  return [BUILT_IN_MODELS, ...config.modelDirs];
}

/** Lanes and threads of each: as set, else so that all cores compute and none is shared. */
export function layoutOf({ lanes, threads = 1 }: Pick<Config, 'lanes' | 'threads'>, machine = readMachine()): Layout {
  return { lanes: lanes ?? Math.max(1, Math.floor(machine.usableCores / threads)), threads };
}

/** What has been found out besides the settings. */
export interface EngineFindings {
  repository: Repository;
  /** Variant and batch that suit a model here, by id. */
  tuned: ReadonlyMap<string, ModelTuning>;
}

/**
 * Starts the lanes; no model is loaded yet.
 * @throws MenagerieError `invalid_config` for a model directory that does not exist, `io_error`
 */
export async function createEngine(
  config: Config,
  events: EngineEvents,
  findings?: Partial<EngineFindings>,
): Promise<Engine> {
  const repository = findings?.repository ?? (await openRepository(modelDirectories(config)));
  const { lanes, threads } = layoutOf(config);
  const cores = lanes * threads;
  const readerCount = readersFor(cores);
  const readers = new Readers({
    count: readerCount,
    script: READ_SCRIPT,
    maxPixels: config.maxPixels,
    timeoutMs: config.laneTimeoutMs,
    onReplaced: events.readerReplaced,
  });
  const read: ReadPictures = (request) => readers.read(request);
  const pool = new LanePool({
    lanes,
    script: LANE_SCRIPT,
    device: config.device,
    threads,
    batch: config.batch,
    batchDelayMs: config.batchDelayMs,
    runTimeoutMs: config.laneTimeoutMs,
    loadTimeoutMs: config.loadTimeoutMs,
    events: {
      ...events.lanes,
      executed: (key, rows, ms) => registry.executed(key, rows, ms),
      networkLost: (key, reason, remaining) => {
        events.lanes.networkLost(key, reason, remaining);
        if (remaining === 0) registry.networkLost(key, reason);
      },
    },
  });
  const registry = new ModelRegistry({
    repository,
    pool,
    allowUntrained: config.untrained === 'allow',
    read,
    countMacs: createMacCounter(config),
    instances: Math.min(config.instances ?? lanes, lanes),
    tuned: findings?.tuned ?? new Map(),
    events: events.serving,
  });
  const admission = new Admission({ capacity: config.queue, limit: config.maxPrice, lanes });
  const answers = new SharedAnswers(config.cache);
  const classifier = new Classifier({
    targets: new Targets({ registry, repository, defaultModel: config.defaultModel }),
    // One decoded on each core, by libuv's threads, while each reader renders another.
    answerer: new Answerer({ pool, read, readsAtOnce: cores + readerCount }),
    answers,
    admission,
    lanes,
    events: events.serving,
  });
  const summaries = createSummaries(repository, config);
  const stop = async () => void (await Promise.all([pool.stop(), readers.stop()]));
  return { repository, summaries, pool, admission, answers, registry, classifier, stop };
}

/** Counts multiply-accumulates, beside whatever else is looked into: as many files may wait as there are models. */
function createMacCounter(config: Config): (file: string, inputShape: readonly number[]) => Promise<number> {
  const inspector = new Inspector(INSPECT_SCRIPT, config.loadTimeoutMs, Number.POSITIVE_INFINITY);
  return async (file, inputShape) => {
    const { summary } = await inspector.inspect({ file, inputShape, timing: false });
    return summary.totals.macs;
  };
}

/** Looks into files outside the lanes. */
export function createInspector(config: Config): Inspector {
  return new Inspector(INSPECT_SCRIPT, config.loadTimeoutMs);
}

/** Summaries of a repository's models. */
export function createSummaries(repository: Repository, config: Config): Summaries {
  return new Summaries({ repository, inspector: createInspector(config) });
}

/**
 * Loads whoever is asked, and waits until they are ready.
 * @param variant of every network; default: each model's own
 * @throws MenagerieError what ModelRegistry.load throws
 */
export async function loadAsked({ repository, registry }: Engine, asked: Asked, variant?: string): Promise<void> {
  const ids = membersOf(repository, asked);
  await Promise.all(ids.map((id) => registry.load(id, variant)));
}

/** A model to load, and which variant if that was said. */
export interface WantedModel {
  id: string;
  variant: string | undefined;
}

/**
 * The models to load at start: those configured, members of ensembles among them, or all whose weights are on disk.
 * @throws MenagerieError `invalid_config` naming every model that the repository does not have
 */
export async function modelsToLoad(repository: Repository, config: Config): Promise<WantedModel[]> {
  const { models, refused } = repository;
  if (config.models === undefined) {
    const wanted: WantedModel[] = [];
    for (const model of models.values()) {
      const present = await Promise.all(variantsOf(model.manifest).map(([, variant]) => isPulled(model, variant)));
      if (present.includes(true) && !model.manifest.untrained) wanted.push({ id: model.id, variant: undefined });
    }
    return wanted;
  }
  const named = config.models.flatMap((entry) => {
    const [id = '', variant] = entry.split(':');
    return membersOf(repository, { model: id }).map((model) => ({ id: model, variant }));
  });
  // A model may be named, and be a member besides: what was said of its variant counts.
  const wanted = [...new Set(named.map(({ id }) => id))].map((id) => {
    const same = named.filter((model) => model.id === id);
    return same.find(({ variant }) => variant !== undefined) ?? { id, variant: undefined };
  });
  const faults = wanted.flatMap(({ id, variant }) => {
    const model = models.get(id);
    if (!model) {
      const reason = refused.find((folder) => folder.id === id)?.error.message;
      return [`there is no model "${id}"${reason ? `: ${reason}` : ''}`];
    }
    const known = variantsOf(model.manifest).map(([name]) => name as string);
    return variant === undefined || known.includes(variant) ? [] : [`"${id}" has no variant "${variant}"`];
  });
  if (faults.length > 0) throw new MenagerieError('invalid_config', `MENAGERIE_MODELS: ${faults.join('; ')}`);
  return wanted;
}
