import { MenagerieError } from '../../core/errors.js';
import { Semaphore } from '../../core/queues/semaphore.js';
import type { NetworkInfo, NetworkSpec } from '../networks/network-spec.js';
import { Dispatcher, type DispatcherOptions, shuttingDown } from './dispatcher.js';
import {
  inNoWorker,
  Job,
  type PictureFile,
  type PictureResult,
  type Rendered,
  type RunResult,
  type TensorBytes,
  type Turn,
} from './job.js';
import { Place } from './place.js';
import type { Levers } from './process/levers.js';
import { type MemoryPlan, WATCH_MS, WorkerMemory } from './process/worker-memory.js';
import { WorkerProcess } from './process/worker-process.js';
import type { Ask, PictureRequest } from './protocol/calls.js';
import type { WorkerSettings } from './protocol/worker-settings.js';

type WorkEvents = DispatcherOptions['events'];

/** What happens in the workers, for metrics and logs. */
export interface PoolEvents extends WorkEvents {
  /** A worker died and is being replaced. */
  workerReplaced(worker: number, reason: string): void;
  /** A network could not be loaded into the replacement of a worker; `remaining` others still hold it. */
  networkLost(key: string, reason: string, remaining: number): void;
  /** So many workers can answer for a network now. */
  instancesChanged(key: string, instances: number): void;
}

export interface PoolOptions extends Omit<WorkerSettings, 'runBytes'> {
  /** Workers that hold networks. Workers times threads should not exceed the cores. */
  workers: number;
  /** Further ones that only decode and render, where those that hold networks do not: on a GPU. */
  renderers?: number;
  /** Program of a worker. */
  script: URL;
  levers: Levers;
  memory: MemoryPlan;
  env: NodeJS.ProcessEnv;
  /** How long an idle worker waits for a batch to fill, in ms; 0: it runs what there is. */
  batchDelayMs: number;
  /** Milliseconds of what another may wait behind in a worker's hands. */
  aheadMs: number;
  /** A worker that takes longer for what it has in hand is ended. */
  runTimeoutMs: number;
  /** The same for loading a network. */
  loadTimeoutMs: number;
  events: PoolEvents;
}

/** Steps of niceness: three quarters of a core stay with the server where both want all of it. */
const WORKER_NICENESS = 5;
/** All renderings have this key: they never share a batch. */
const RENDER = '';

/** Workers, the networks in them, and one queue of work in front of them. */
export class WorkerPool {
  readonly #options: PoolOptions;
  readonly #places: Place[];
  readonly #dispatcher: Dispatcher;
  /** Rows that a run of each loaded network takes at most. */
  readonly #maxRows = new Map<string, number>();
  readonly #instances = new Map<string, number>();
  /** One worker is always left to serve while others load, where there is more than one. */
  readonly #loading: Semaphore;
  readonly #watch: NodeJS.Timeout;
  #stopped = false;

  constructor(options: PoolOptions) {
    const { workers, renderers = 0, batchDelayMs, aheadMs, runTimeoutMs, loadTimeoutMs, events } = options;
    this.#options = options;
    this.#loading = new Semaphore(Math.max(1, workers - 1));
    const memory = new WorkerMemory(options.memory);
    const decoders = renderers > 0 ? renderers : workers;
    this.#places = Array.from({ length: workers + renderers }, (_, index) => {
      const pictures = renderers === 0 || index >= workers;
      // One of those that decode is kept for pictures that do not take long.
      const heavy = pictures && (decoders === 1 || index !== workers + renderers - decoders);
      return new Place({
        index,
        role: { networks: index < workers, pictures, heavy },
        memory,
        start: () => this.#start(memory),
        loadTimeoutMs,
        events: {
          replaced: (place, reason) => events.workerReplaced(place, reason),
          lost: (_place, key, error) => this.#lost(key, error),
          changed: () => this.#changed(),
        },
      });
    });
    const maxRows = (key: string) => this.#maxRows.get(key) ?? 1;
    this.#dispatcher = new Dispatcher({ places: this.#places, batchDelayMs, aheadMs, runTimeoutMs, maxRows, events });
    this.#watch = setInterval(() => this.#check(), WATCH_MS).unref();
  }

  /** Number of workers that hold networks. */
  get size(): number {
    return this.#options.workers;
  }

  /** Jobs waiting for a worker. */
  get waiting(): number {
    return this.#dispatcher.waiting;
  }

  /** Workers that are up, and those of them that are working. */
  get workers(): { alive: number; busy: number } {
    const alive = this.#places.filter(({ worker }) => worker);
    return { alive: alive.length, busy: alive.filter(({ busy }) => busy).length };
  }

  /** Process ids of the workers that are up. */
  get pids(): number[] {
    return this.#places.flatMap(({ worker }) => worker?.pid ?? []);
  }

  /** Whether any worker has a network, or will get it when it is replaced. */
  holds(key: string): boolean {
    return this.#places.some(({ networks }) => networks.has(key));
  }

  /** Workers that can answer for a network now. */
  instances(key: string): number {
    return this.#places.filter(({ worker, networks }) => worker && networks.has(key)).length;
  }

  /**
   * Loads a network into so many workers, those that hold the fewest.
   * @throws MenagerieError what Network.load throws; `memory_exceeded`, `worker_failed`; the network is then in no worker
   */
  async load(spec: NetworkSpec, instances: number): Promise<NetworkInfo> {
    const holders = this.#places.filter(({ role }) => role.networks);
    const chosen = holders.sort((a, b) => a.networks.size - b.networks.size).slice(0, instances);
    // As long as nothing serves, nobody is kept from anything.
    const loads = chosen.map((place) => {
      return this.#maxRows.size === 0 ? place.load(spec) : this.#loading.run(() => place.load(spec));
    });
    const outcomes = await Promise.allSettled(loads);
    const infos = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    const [first] = infos;
    if (failed || !first || infos.some(({ sha256 }) => sha256 !== first.sha256)) {
      await this.unload(spec.key);
      throw (
        failed?.reason ?? new MenagerieError('checksum_mismatch', 'The weights changed while they were being loaded.')
      );
    }
    // Measured in every worker: the most careful wins.
    const batch = Math.min(...infos.map((info) => info.batch));
    this.#maxRows.set(spec.key, batch);
    return { ...first, batch };
  }

  /** Removes a network from all workers and fails what still waits for it. */
  async unload(key: string): Promise<void> {
    const holders = this.#places.filter(({ networks }) => networks.has(key));
    const unloading = holders.map((place) => place.unload(key));
    this.#maxRows.delete(key);
    this.#dispatcher.reject(key, inNoWorker());
    this.#changed();
    await Promise.allSettled(unloading);
  }

  /** Whether one worker can do a picture whole: decode it and run the network. */
  takesWhole(key: string, heavy: boolean): boolean {
    return this.#places.some(({ role, networks }) => networks.has(key) && role.pictures && (role.heavy || !heavy));
  }

  /**
   * Runs a network on views, in the first free worker that holds it, together with others where that pays.
   * @param views of so many rows, one after the other; told from all others by their name
   * @throws MenagerieError `worker_failed`, `memory_exceeded`, `model_not_loaded`, `shutting_down`, or the signal's reason
   */
  run(key: string, views: { name: string; rows: number; data: Uint8Array }, turn: Turn): Promise<RunResult> {
    const { name, rows, data } = views;
    const work = { kind: 'run', input: { kind: 'views', name, rows }, part: data } as const;
    return this.#dispatcher.do(new Job(key, rows, work, turn), turn.signal) as Promise<RunResult>;
  }

  /**
   * Has one worker do a picture whole. See `takesWhole`.
   * @param rows views that it is shown in at most
   * @throws MenagerieError what readPicture throws, and as `run`
   */
  classify(
    key: string,
    { bytes, heavy }: PictureFile,
    request: PictureRequest,
    rows: number,
    turn: Turn,
  ): Promise<PictureResult> {
    const work = { kind: 'run', input: { kind: 'picture', ...request }, part: bytes } as const;
    return this.#dispatcher.do(new Job(key, rows, work, turn, heavy), turn.signal) as Promise<PictureResult>;
  }

  /**
   * Decodes a picture and renders what networks of several geometries are to see of it.
   * @throws MenagerieError what readPicture throws, and as `run`
   */
  render({ bytes, heavy }: PictureFile, ask: Ask<'render'>, turn: Turn): Promise<Rendered> {
    const job = new Job(RENDER, 1, { kind: 'render', ask, part: bytes }, turn, heavy);
    return this.#dispatcher.do(job, turn.signal) as Promise<Rendered>;
  }

  /**
   * Runs a network on tensors.
   * @param fetches names of the outputs that are wanted
   * @throws MenagerieError `invalid_request` for tensors that the network does not take, and as `run`
   */
  compute(key: string, feeds: readonly TensorBytes[], fetches: readonly string[], turn: Turn): Promise<TensorBytes[]> {
    const infos = feeds.map(({ name, type, dims }) => ({ name, type, dims }));
    const parts = feeds.map(({ bytes }) => bytes);
    const job = new Job(key, 1, { kind: 'compute', ask: { key, feeds: infos, fetches }, parts }, turn);
    job.alone = true;
    return this.#dispatcher.do(job, turn.signal) as Promise<TensorBytes[]>;
  }

  /** Fails all that waits or is being done, and ends all workers. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#watch);
    this.#dispatcher.stop();
    await Promise.all(this.#places.map((place) => place.stop(shuttingDown())));
  }

  #start(memory: WorkerMemory): WorkerProcess {
    const { script, levers, env, device, threads, batch, decode } = this.#options;
    const runBytes = memory.servingBytes;
    const options = { script, levers, env, niceness: WORKER_NICENESS };
    return new WorkerProcess(options, { device, threads, batch, decode, runBytes });
  }

  #check(): void {
    for (const place of this.#places) place.watch();
    this.#dispatcher.freeStuck();
  }

  #lost(key: string, error: MenagerieError): void {
    const remaining = this.#places.filter(({ networks }) => networks.has(key)).length;
    if (remaining === 0) this.#dispatcher.reject(key, new MenagerieError('model_failed', 'The model no longer loads.'));
    this.#dispatcher.rejectStranded();
    this.#options.events.networkLost(key, error.message, remaining);
  }

  /** Tells of every network how many workers can answer for it, where that has changed. */
  #changed(): void {
    if (this.#stopped) return;
    for (const key of new Set([
      ...this.#instances.keys(),
      ...this.#places.flatMap(({ networks }) => [...networks.keys()]),
    ])) {
      const now = this.instances(key);
      if (now === (this.#instances.get(key) ?? 0)) continue;
      if (this.holds(key)) this.#instances.set(key, now);
      else this.#instances.delete(key);
      this.#options.events.instancesChanged(key, now);
    }
    this.#dispatcher.pump();
  }
}
