import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Config } from '../config/load-config.js';
import { MenagerieError } from '../core/errors.js';
import { variantsOf } from '../core/manifest.js';
import { decode } from '../imaging/decode.js';
import { Inspector } from '../runtime/inspector.js';
import { type LaneEvents, LanePool } from '../runtime/lane-pool.js';
import { Admission } from '../serving/admission.js';
import { Classifier } from '../serving/classifier.js';
import type { ServingEvents } from '../serving/events.js';
import { ModelRegistry } from '../serving/model-registry.js';
import { Summaries } from '../serving/summaries.js';
import { openRepository, type Repository } from '../zoo/repository.js';
import { isPulled } from '../zoo/weights.js';

// Puts the rooms together. Serving and the commands that work in process use the same engine.

const BUILT_IN_MODELS = fileURLToPath(new URL('../../models', import.meta.url));
const LANE_SCRIPT = new URL('../runtime/lane-worker.js', import.meta.url);
const INSPECT_SCRIPT = new URL('../runtime/inspect-worker.js', import.meta.url);

export interface Engine {
  repository: Repository;
  summaries: Summaries;
  pool: LanePool;
  admission: Admission;
  registry: ModelRegistry;
  classifier: Classifier;
}

/** Everything that listens to an engine. */
export interface EngineEvents {
  serving: ServingEvents;
  lanes: LaneEvents;
}

/** The model directories of a configuration: the built-in one first. */
export function modelDirectories(config: Config): string[] {
  return [BUILT_IN_MODELS, ...config.modelDirs];
}

/**
 * Starts the lanes; no model is loaded yet.
 * @throws MenagerieError `invalid_config` for a model directory that does not exist, `io_error`
 */
export async function createEngine(config: Config, events: EngineEvents): Promise<Engine> {
  const repository = await openRepository(modelDirectories(config));
  const lanes = config.lanes ?? Math.max(1, Math.floor(availableParallelism() / config.threads));
  const limits = { maxPixels: config.maxPixels };
  const pool = new LanePool({
    lanes,
    script: LANE_SCRIPT,
    device: config.device,
    threads: config.threads,
    runTimeoutMs: config.laneTimeoutMs,
    loadTimeoutMs: config.loadTimeoutMs,
    events: {
      ...events.lanes,
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
    decode: (bytes) => decode(bytes, true, limits),
    instances: Math.min(config.instances ?? lanes, lanes),
    events: events.serving,
  });
  const admission = new Admission(config.queue, lanes);
  const classifier = new Classifier({
    registry,
    pool,
    admission,
    decode: (bytes, autoOrient) => decode(bytes, autoOrient, limits),
    defaultModel: config.defaultModel,
    events: events.serving,
  });
  return { repository, summaries: createSummaries(repository, config), pool, admission, registry, classifier };
}

/** Looks into files outside the lanes. */
export function createInspector(config: Config): Inspector {
  return new Inspector(INSPECT_SCRIPT, config.loadTimeoutMs);
}

/** Summaries of a repository's models. */
export function createSummaries(repository: Repository, config: Config): Summaries {
  return new Summaries({ repository, inspector: createInspector(config) });
}

/** A model to load, and which variant if that was said. */
export interface WantedModel {
  id: string;
  variant: string | undefined;
}

/**
 * The models to load at start: those configured, or all whose weights are on disk.
 * @throws MenagerieError `invalid_config` naming every model that the repository does not have
 */
export async function modelsToLoad({ models, refused }: Repository, config: Config): Promise<WantedModel[]> {
  if (config.models === undefined) {
    const wanted: WantedModel[] = [];
    for (const model of models.values()) {
      const present = await Promise.all(variantsOf(model.manifest).map(([, variant]) => isPulled(model, variant)));
      if (present.includes(true) && !model.manifest.untrained) wanted.push({ id: model.id, variant: undefined });
    }
    return wanted;
  }
  const wanted = config.models.map((entry) => {
    const [id = '', variant] = entry.split(':');
    return { id, variant };
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
