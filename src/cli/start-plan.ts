import type { Config } from '../config/load-config.js';
import { toMenagerieError } from '../core/errors.js';
import { isSameMachine, type Tuned, type TunedMachine } from '../core/tuning.js';
import type { Machine } from '../runtime/machine.js';
import { runtimeVersion } from '../runtime/machine.js';
import { cudaObstacle } from '../runtime/providers.js';
import type { ModelTuning } from '../serving/model-registry.js';
import { fileSize } from '../zoo/files.js';
import { openRepository, type Repository } from '../zoo/repository.js';
import { readTuned } from '../zoo/tuned.js';
import { findVariant, preferredVariant, weightsPath } from '../zoo/weights.js';
import { layoutOf, modelDirectories, modelsToLoad, type WantedModel } from './engine.js';

/** What a server starts with. */
export interface StartPlan {
  /** The settings, with lanes, threads and copies filled in. */
  config: Config;
  repository: Repository;
  wanted: WantedModel[];
  tuned: ReadonlyMap<string, ModelTuning>;
  /** Decisions that the settings do not explain, for the log. */
  notes: string[];
}

/** Memory that a copy of a network takes for each byte of its file: weights as they lie, and as they are computed with. */
const COPY_FACTOR = 3;
/** Share of the memory for the networks; the rest is for pictures, requests and the runtime. */
const SHARE_FOR_NETWORKS = 0.7;

/**
 * Decides with what a server starts: what the settings say; where they are silent, what `menagerie tune` found on this machine;
 * else from cores and memory.
 * @throws MenagerieError `invalid_config`, `io_error`
 */
export async function planStart(config: Config, machine: Machine): Promise<StartPlan> {
  const repository = await openRepository(modelDirectories(config));
  const wanted = await modelsToLoad(repository, config);
  const notes: string[] = [];
  const found = await readTunings(repository, wanted, tunedMachineOf(config, machine), notes);
  const layout = tunedLayout(config, wanted, found, notes);
  const planned = { ...config, ...layoutOf({ ...config, ...layout }, machine) };
  const tuned = new Map([...found].map(([id, { variant, batch }]) => [id, { variant, batch }]));
  const bytes = await weightsBytes(repository, wanted, tuned);
  const instances = config.instances ?? copiesThatFit(bytes, planned.lanes, machine.usableMemory);
  if (instances < planned.lanes && config.instances === undefined) {
    notes.push(`memory holds ${instances} of ${planned.lanes} copies of the models`);
  }
  return { config: { ...planned, instances }, repository, wanted, tuned, notes };
}

/** The machine as tuned.json has it. */
export function tunedMachineOf({ device }: Config, { cpu, usableCores }: Machine): TunedMachine {
  const cuda = device !== 'cpu' && cudaObstacle() === undefined;
  return { cpu, cores: usableCores, device: cuda ? 'cuda' : 'cpu', runtime: runtimeVersion() };
}

/**
 * Copies of all models together that fit into memory; at least one.
 * @param bytes of the files of weights
 */
export function copiesThatFit(bytes: number, lanes: number, memory: number): number {
  const most = Math.floor((memory * SHARE_FOR_NETWORKS) / Math.max(1, bytes * COPY_FACTOR));
  return Math.max(1, Math.min(lanes, most));
}

async function readTunings(
  repository: Repository,
  wanted: readonly WantedModel[],
  machine: TunedMachine,
  notes: string[],
): Promise<Map<string, Tuned>> {
  const found = new Map<string, Tuned>();
  for (const { id } of wanted) {
    const model = repository.models.get(id);
    if (!model) continue;
    try {
      const tuned = await readTuned(model);
      if (!tuned) continue;
      if (isSameMachine(tuned.machine, machine)) found.set(id, tuned);
      else notes.push(`${id} was tuned on another machine; menagerie tune ${id} does it here`);
    } catch (error) {
      notes.push(`${id}: what tune had found cannot be read: ${toMenagerieError(error).message}`);
    }
  }
  return found;
}

/** Lanes and threads are the whole server's: they are taken where all models that were tuned want the same. */
function tunedLayout(
  { lanes, threads }: Config,
  wanted: readonly WantedModel[],
  found: ReadonlyMap<string, Tuned>,
  notes: string[],
): Partial<Pick<Config, 'lanes' | 'threads'>> {
  const [first, ...others] = found.values();
  if (!first || lanes !== undefined || threads !== undefined) return {};
  if (others.some((other) => other.lanes !== first.lanes || other.threads !== first.threads)) {
    notes.push(`the tuned models want different lanes and threads: ${[...found.keys()].join(', ')}`);
    return {};
  }
  const rest = wanted.length - found.size;
  const also = rest > 0 ? `, for ${rest} models that were not tuned too` : '';
  notes.push(
    `${first.lanes} lanes of ${first.threads} threads, as tune found for ${[...found.keys()].join(', ')}${also}`,
  );
  return { lanes: first.lanes, threads: first.threads };
}

async function weightsBytes(
  { models }: Repository,
  wanted: readonly WantedModel[],
  tuned: ReadonlyMap<string, ModelTuning>,
): Promise<number> {
  let sum = 0;
  for (const { id, variant: name } of wanted) {
    const model = models.get(id);
    if (!model) continue;
    const variant =
      name === undefined ? await preferredVariant(model, tuned.get(id)?.variant) : findVariant(model, name);
    sum += (await fileSize(weightsPath(model, variant))) ?? 0;
  }
  return sum;
}
