import { MenagerieError } from '../../core/errors.js';
import { Semaphore } from '../../core/queues/semaphore.js';
import type { NetworkInfo, NetworkSpec, Wants } from '../networks/network-spec.js';
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
import { Yielding } from './yielding.js';

type WorkEvents = DispatcherOptions['events'];

/** Events in the workers, for metrics and logs. */
export interface PoolEvents extends WorkEvents {
  /** A worker ended and is being replaced. */
  workerReplaced(worker: number, reason: string): void;
  /** A network could not be loaded into a worker's replacement; `remaining` other workers still hold it. */
  networkLost(key: string, reason: string, remaining: number): void;
  /** The number of workers that can run a network has changed. */
  instancesChanged(key: string, instances: number): void;
}

export interface PoolOptions extends Omit<WorkerSettings, 'runBytes'> {
  /** Number of workers that hold networks. Workers times threads should not exceed the number of cores. */
  workers: number;
  /** Number of further workers that only decode and render. With these, the others do not: for a GPU. */
  renderers?: number;
  /** The program of a worker. */
  script: URL;
  levers: Levers;
  memory: MemoryPlan;
  env: NodeJS.ProcessEnv;
  /** How long an idle worker waits for a batch to fill, in ms; 0: it does not wait. */
  batchDelayMs: number;
  /** See DispatcherOptions. */
  aheadMs: number;
  /** A worker that takes longer than this for a batch is ended. */
  runTimeoutMs: number;
  /** A worker that takes longer than this to load a network is ended. */
  loadTimeoutMs: number;
  events: PoolEvents;
}

/** With this niceness the server gets three quarters of a core for which it and a worker compete. */
export const WORKER_NICENESS = 5;
/** Render jobs need no network, and never share a batch. */
const RENDER = { network: '', key: '', rows: 1 };

/** The workers, the networks in them, and the queue of jobs for them. */
export class WorkerPool {
  /** Processes that yield to requests. */
  readonly yielding = new Yielding();
  readonly #options: PoolOptions;
  readonly #places: Place[];
  readonly #dispatcher: Dispatcher;
  /** Of each loaded network, which session it runs on, and the maximum number of rows in a run. */
  readonly #loaded = new Map<string, { session: string; rows: number }>();
  /** Number of workers that can run each network, as last reported. */
  readonly #instances = new Map<string, number>();
  /** With more than one worker, keeps one from loading, so that it can serve. */
  readonly #loading: Semaphore;
  readonly #watch: NodeJS.Timeout;
  #stopped = false;

  constructor(options: PoolOptions) {
    const { workers, renderers = 0, loadTimeoutMs, events } = options;
    this.#options = options;
    this.#loading = new Semaphore(Math.max(1, workers - 1));
    const memory = new WorkerMemory(options.memory);
    const decoders = renderers > 0 ? renderers : workers;
    this.#places = Array.from({ length: workers + renderers }, (_, index) => {
      const pictures = renderers === 0 || index >= workers;
      // One of the workers that decode does only light pictures.
      const heavy = pictures && (decoders === 1 || index !== workers + renderers - decoders);
      return new Place({
        index,
        role: { networks: index < workers, pictures, heavy },
        memory,
        start: () => this.#start(memory),
        loadTimeoutMs,
        events: {
          replaced: (place, reason) => events.workerReplaced(place, reason),
          lost: (_place, key, error) => this.#networkLost(key, error),
          changed: () => this.#update(),
        },
      });
    });
    const maxRows = (session: string) => this.#maxRows(session);
    this.#dispatcher = new Dispatcher({ ...options, places: this.#places, yielding: this.yielding, maxRows });
    this.#watch = setInterval(() => this.#checkWorkers(), WATCH_MS).unref();
  }

  /** Number of workers that hold networks. */
  get size(): number {
    return this.#options.workers;
  }

  /** Jobs waiting for a worker. */
  get waiting(): number {
    return this.#dispatcher.waiting;
  }

  /** Number of running workers, and of those among them that are busy. */
  get workers(): { alive: number; busy: number } {
    const alive = this.#places.filter(({ worker }) => worker);
    return { alive: alive.length, busy: alive.filter(({ busy }) => busy).length };
  }

  /** Bytes that decoding one picture may take, in whichever worker gets it. */
  get decodeBytes(): number {
    return Math.min(...this.#places.filter(({ role }) => role.pictures).map(({ decodeBytes }) => decodeBytes));
  }

  /** Process ids of the running workers. */
  get pids(): number[] {
    return this.#places.flatMap(({ worker }) => worker?.pid ?? []);
  }

  /** Whether any worker holds a network, or its replacement will. */
  holds(key: string): boolean {
    return this.#places.some(({ networks }) => networks.has(key));
  }

  /** Number of workers that can run a network now. */
  instances(key: string): number {
    return this.#places.filter(({ worker, networks }) => worker && networks.has(key)).length;
  }

  /**
   * Loads a network into so many workers: those that hold its base, or heads that were trained on it; else those that hold least.
   * @throws MenagerieError what Network.load throws; `memory_exceeded`, `worker_failed`; no worker holds the network then
   */
  async load(spec: NetworkSpec, instances: number): Promise<NetworkInfo> {
    const holders = this.#places.filter(({ role }) => role.networks);
    const chosen = holders
      .sort(
        (a, b) =>
          Number(b.networks.suits(spec)) - Number(a.networks.suits(spec)) || a.networks.sessions - b.networks.sessions,
      )
      .slice(0, instances);
    // Before the first network is loaded, no worker needs to be kept free for serving.
    const loads = chosen.map((place) => {
      return this.#loaded.size === 0 ? place.load(spec) : this.#loading.run(() => place.load(spec));
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
    // Every worker has measured its own; the smallest suits all.
    const batch = Math.min(...infos.map((info) => info.batch));
    this.#loaded.set(spec.key, { session: first.session, rows: batch });
    return { ...first, batch };
  }

  /** Removes a network from all workers and rejects its queued jobs. */
  async unload(key: string): Promise<void> {
    const holders = this.#places.filter(({ networks }) => networks.has(key));
    const unloading = holders.map((place) => place.unload(key));
    this.#loaded.delete(key);
    this.#dispatcher.reject(key, inNoWorker());
    this.#update();
    await Promise.allSettled(unloading);
  }

  /** Whether some worker can both decode a picture and run the network. */
  takesWhole(key: string, heavy: boolean): boolean {
    return this.#places.some(({ role, networks }) => networks.has(key) && role.pictures && (role.heavy || !heavy));
  }

  /**
   * Runs a network on views, in the first free worker that holds it; possibly in a batch with other jobs.
   * @param views u8 pixels of so many rows, one after the other; equal names stand for equal pixels
   * @param wants `features` for networks that give some (see NetworkInfo), in place of scores
   * @throws MenagerieError `worker_failed`, `memory_exceeded`, `model_not_loaded`, `shutting_down`, or the signal's reason
   */
  run(
    key: string,
    views: { name: string; rows: number; data: Uint8Array },
    turn: Turn,
    wants: Wants = 'scores',
  ): Promise<RunResult> {
    const { name, rows, data } = views;
    const work = { input: { kind: 'views', key, wants, name, rows }, part: data } as const;
    const place = { network: key, key: this.#sessionOf(key), rows, views: name };
    return this.#dispatcher.do(new Job('views', place, work, turn), turn.signal);
  }

  /**
   * Decodes a picture and runs a network on its views, all in one worker. See `takesWhole`.
   * @param rows maximum number of views
   * @param wants as for `run`
   * @throws MenagerieError what readPicture throws, and as `run`
   */
  classify(
    key: string,
    { bytes, heavy }: PictureFile,
    request: PictureRequest,
    rows: number,
    turn: Turn,
    wants: Wants = 'scores',
  ): Promise<PictureResult> {
    const work = { input: { kind: 'picture', key, wants, ...request }, part: bytes } as const;
    const place = { network: key, key: this.#sessionOf(key), rows };
    return this.#dispatcher.do(new Job('picture', place, work, turn, heavy), turn.signal);
  }

  /**
   * Decodes a picture and renders its views, for networks of several geometries.
   * @throws MenagerieError what readPicture throws, and as `run`
   */
  render({ bytes, heavy }: PictureFile, ask: Ask<'render'>, turn: Turn): Promise<Rendered> {
    const job = new Job('render', RENDER, { ask, part: bytes }, turn, heavy);
    return this.#dispatcher.do(job, turn.signal);
  }

  /**
   * Runs a network on tensors.
   * @param fetches names of the outputs to return
   * @throws MenagerieError `invalid_request` for tensors that the network does not take, and as `run`
   */
  compute(key: string, feeds: readonly TensorBytes[], fetches: readonly string[], turn: Turn): Promise<TensorBytes[]> {
    const infos = feeds.map(({ name, type, dims }) => ({ name, type, dims }));
    const parts = feeds.map(({ bytes }) => bytes);
    const place = { network: key, key: this.#sessionOf(key), rows: 1 };
    const job = new Job('compute', place, { ask: { key, feeds: infos, fetches }, parts }, turn);
    job.alone = true;
    return this.#dispatcher.do(job, turn.signal);
  }

  /** Rejects all jobs and ends all workers. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#watch);
    this.#dispatcher.stop();
    await Promise.all(this.#places.map((place) => place.stop(shuttingDown())));
  }

  #sessionOf(key: string): string {
    return this.#loaded.get(key)?.session ?? key;
  }

  #maxRows(session: string): number {
    const sharers = [...this.#loaded.values()].filter((each) => each.session === session);
    return sharers.length === 0 ? 1 : Math.min(...sharers.map(({ rows }) => rows));
  }

  #start(memory: WorkerMemory): WorkerProcess {
    const { script, levers, env, device, threads, batch, decode } = this.#options;
    const runBytes = memory.servingBytes;
    const options = { script, levers, env, niceness: WORKER_NICENESS };
    return new WorkerProcess(options, { device, threads, batch, decode, runBytes });
  }

  #checkWorkers(): void {
    for (const place of this.#places) place.watch();
    this.#dispatcher.freeStuck();
  }

  #networkLost(key: string, error: MenagerieError): void {
    const remaining = this.#places.filter(({ networks }) => networks.has(key)).length;
    if (remaining === 0) this.#dispatcher.reject(key, new MenagerieError('model_failed', 'The model no longer loads.'));
    this.#dispatcher.rejectStranded();
    this.#options.events.networkLost(key, error.message, remaining);
  }

  /** Reports every network whose number of workers has changed, then hands out jobs. */
  #update(): void {
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
