import type { Config } from '../config/load-config.js';
import { toMenagerieError } from '../core/errors.js';
import { isSameMachine, type Tuned, type TunedMachine } from '../core/manifest/tuning.js';
import { type Machine, runtimeVersion } from '../runtime/device/machine.js';
import { usesCuda } from '../runtime/device/providers.js';
import { type HeldNetwork, heldBytes } from '../runtime/networks/network-memory.js';
import { weightBytes } from '../runtime/weights/weight-bytes.js';
import { NO_LEVERS } from '../runtime/workers/process/levers.js';
import { WorkerMemory } from '../runtime/workers/process/worker-memory.js';
import { baseFileOf } from '../serving/loading/base-file.js';
import { LONE_GMACS } from '../serving/loading/bring-up.js';
import type { ModelTuning } from '../serving/loading/model-registry.js';
import type { LiveRepository } from '../zoo/live-repository.js';
import type { Repository } from '../zoo/repository.js';
import { readTuned } from '../zoo/tuned.js';
import { weightsPath } from '../zoo/weights.js';
import { layoutOf } from './layout.js';
import { memoryBudget, shareOf } from './memory-budget.js';
import { type ModelsToLoad, modelsToLoad, openModels, type WantedModel, wantedVariant } from './models-to-load.js';

/** How a server starts. */
export interface StartPlan {
  /** The settings, with workers, threads and instances filled in. */
  config: Config;
  repository: LiveRepository;
  /** The models to load: the server is ready when the first ones are. */
  load: ModelsToLoad;
  tuned: ReadonlyMap<string, ModelTuning>;
  /** Threads of instances for lone requests; 1: there are none. */
  loneThreads: number;
  /** Decisions that do not follow from the settings, for the log. */
  notes: string[];
}

/**
 * Plans how a server starts: by the settings; if they do not say, by what `menagerie tune` measured on this machine; else by cores
 * and memory.
 * @throws MenagerieError `invalid_config`, `io_error`
 */
export async function planStart(config: Config, machine: Machine): Promise<StartPlan> {
  const repository = await openModels(config);
  const { first, later } = await modelsToLoad(repository, config);
  const notes: string[] = [];
  const wanted = [...first, ...later];
  const found = await readTunings(repository, wanted, tunedMachineOf(config, machine), notes);
  const layout = tunedLayout(config, wanted, found, notes);
  const tuned = new Map([...found].map(([id, { variant, batch }]) => [id, { variant, batch }]));
  const planned = { ...config, ...layout };
  const { workers: wantedWorkers, threads, renderers, loneThreads } = layoutOf(planned, machine);
  const share = (count: number) => shareOf(config, machine.usableMemory, count + renderers);
  const networks = await weightsOf(repository, first, tuned);
  const fitting = workersThatFit(networks, wantedWorkers, share);
  // A configured number is kept: models that do not fit are refused with an error that names them.
  const workers = config.workers === undefined ? fitting : wantedWorkers;
  if (workers < wantedWorkers) notes.push(`memory holds the models in ${workers} of ${wantedWorkers} workers`);
  const more = await weightsOf(repository, later, tuned);
  const following = networksThatFit(networks, more, share(workers));
  const load = { first, later: later.slice(0, following) };
  const who = workers === 1 ? '1 worker loads' : `${workers} workers load`;
  notes.push(`${who} ${namesOf(first)}${following > 0 ? `; then ${namesOf(load.later)}` : ''}`);
  if (following < later.length) notes.push(`memory does not hold ${namesOf(later.slice(following))}: not loaded`);
  const { workers: memory } = memoryBudget(config, machine.usableMemory, workers + renderers, NO_LEVERS);
  notes.push(...loneNotes([...networks, ...more.slice(0, following)], loneThreads, new WorkerMemory(memory)));
  const instances = config.instances ?? workers;
  return { config: { ...planned, workers, threads, instances }, repository, load, tuned, loneThreads, notes };
}

const namesOf = (models: readonly { id: string }[]) => models.map(({ id }) => id).join(', ') || 'no model';

/** The description of this machine in tuned.json. */
export function tunedMachineOf({ device }: Config, { cpu, usableCores }: Machine): TunedMachine {
  return { cpu, cores: usableCores, device: usesCuda(device) ? 'cuda' : 'cpu', runtime: runtimeVersion() };
}

/**
 * The largest number of workers that can each hold all networks in their share of the memory; at least 1.
 * @param wanted maximum number
 * @param share returns the bytes for each of so many workers
 */
export function workersThatFit(
  networks: readonly HeldNetwork[],
  wanted: number,
  share: (workers: number) => number,
): number {
  let workers = wanted;
  while (workers > 1 && heldBytes(networks) > share(workers)) workers--;
  return workers;
}

/**
 * How many networks, from the first on, each worker can hold beside others.
 * @param share bytes of a worker
 */
export function networksThatFit(held: readonly HeldNetwork[], further: readonly HeldNetwork[], share: number): number {
  let count = 0;
  while (count < further.length && heldBytes([...held, ...further.slice(0, count + 1)]) <= share) count++;
  return count;
}

/** What instances for lone requests there will be. */
function loneNotes(networks: readonly PlannedNetwork[], threads: number, memory: WorkerMemory): string[] {
  const costly = networks.filter(({ macs }) => macs === undefined || macs > LONE_GMACS * 1e9);
  if (threads === 1 || costly.length === 0) return [];
  const held: HeldNetwork[] = [...networks];
  const without = costly.filter((network) => {
    const twice = { ...network, session: `${network.session ?? network.id} alone` };
    const fits = memory.leaveRoom([...held, twice]);
    if (fits) held.push(twice);
    return !fits;
  });
  const missing = without.length > 0 ? `; memory does not hold those of ${namesOf(without)}` : '';
  return [
    `a lone request runs on ${threads} threads, in second instances of networks over ${LONE_GMACS} GMAC${missing}`,
  ];
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
      else notes.push(`${id} was tuned on another machine; to tune it on this one: menagerie tune ${id}`);
    } catch (error) {
      notes.push(`${id}: its tuned.json cannot be read: ${toMenagerieError(error).message}`);
    }
  }
  return found;
}

/** Workers and threads apply to the whole server: tuned numbers are used if all tuned models agree. */
function tunedLayout(
  { workers, threads }: Config,
  wanted: readonly WantedModel[],
  found: ReadonlyMap<string, Tuned>,
  notes: string[],
): Partial<Pick<Config, 'workers' | 'threads'>> {
  const [first, ...others] = found.values();
  if (!first || workers !== undefined || threads !== undefined) return {};
  if (others.some((other) => other.workers !== first.workers || other.threads !== first.threads)) {
    notes.push(`the tuned models need different workers and threads: ${[...found.keys()].join(', ')}`);
    return {};
  }
  const rest = wanted.length - found.size;
  const also = rest > 0 ? `, for ${rest} models that were not tuned too` : '';
  notes.push(
    `${first.workers} workers of ${first.threads} threads, as tune found for ${[...found.keys()].join(', ')}${also}`,
  );
  return { workers: first.workers, threads: first.threads };
}

/** A network that will be loaded. */
interface PlannedNetwork extends HeldNetwork {
  /** Id of its model. */
  id: string;
  /** Multiply-accumulates for one view, if its manifest states them. */
  macs: number | undefined;
}

/** Sizes of the weights that will be loaded, and which of them are shared. */
async function weightsOf(
  repository: Repository,
  wanted: readonly WantedModel[],
  tuned: ReadonlyMap<string, ModelTuning>,
): Promise<PlannedNetwork[]> {
  const networks: PlannedNetwork[] = [];
  for (const entry of wanted) {
    const model = repository.models.get(entry.id);
    if (!model) continue;
    const variant = await wantedVariant(model, entry, tuned.get(entry.id)?.variant);
    const bytes = weightBytes(weightsPath(model, variant));
    const session = baseFileOf(repository, model)?.fileSha256 ?? variant.sha256;
    networks.push({ id: entry.id, macs: model.manifest.macs, bytes, session });
  }
  return networks;
}
