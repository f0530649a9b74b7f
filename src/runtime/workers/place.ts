import { setTimeout as sleep } from 'node:timers/promises';
import { MenagerieError, toMenagerieError } from '../../core/errors.js';
import { heldBytes } from '../networks/network-memory.js';
import { type NetworkInfo, type NetworkSpec, nameOf } from '../networks/network-spec.js';
import type { Batch } from './job.js';
import { heldAs, PlacedNetworks } from './placed-networks.js';
import { type WorkerEnd, WorkerLost } from './process/worker-end.js';
import { processStatus, type WorkerMemory } from './process/worker-memory.js';
import { type WorkerProcess, workerFailed } from './process/worker-process.js';

/** Which work the workers of a place do. */
export interface Role {
  /** Whether they hold networks. */
  networks: boolean;
  /** Whether they decode pictures. */
  pictures: boolean;
  /** Whether they decode heavy pictures. */
  heavy: boolean;
}

/** Events in the places. */
interface PlaceEvents {
  /** A worker ended and is being replaced. */
  replaced(place: number, reason: string): void;
  /** A network could not be loaded into a worker's replacement. */
  lost(place: number, key: string, error: MenagerieError): void;
  /** The worker has started, has ended, or has loaded or unloaded a network. */
  changed(): void;
}

export interface PlaceOptions {
  index: number;
  role: Role;
  memory: WorkerMemory;
  start(): WorkerProcess;
  loadTimeoutMs: number;
  events: PlaceEvents;
}

/** A load or unload, which needs an idle worker. */
interface Control {
  act(worker: WorkerProcess): Promise<void>;
  reject(error: unknown): void;
}

/** How often a network is loaded into replacements before it is given up. */
const RELOAD_ATTEMPTS = 3;
/** A worker that is stopped for more checks in a row is replaced. */
const MOST_CHECKS_STOPPED = 10;
const RESPAWN_DELAY_MS = 100;
const MAX_RESPAWN_DELAY_MS = 10_000;

/** A place for one worker. When the worker ends, the place starts another with the same networks. */
export class Place {
  readonly index: number;
  readonly role: Role;
  /** The networks in the worker, by key. A replacement loads them too. */
  readonly networks = new PlacedNetworks();
  /** Batches that the worker has, in order. */
  readonly inHand: Batch[] = [];
  readonly #options: PlaceOptions;
  /** Loads and unloads that wait for the worker to be idle; they come before jobs. */
  readonly #control: Control[] = [];
  #worker: WorkerProcess | undefined;
  /** The replacement of an ended worker, while it loads the networks. */
  #successor: WorkerProcess | undefined;
  /** Workers lost since one last finished a batch. */
  #deaths = 0;
  /** Resolves when a worker has its first memory limit. */
  readonly #limited = new WeakMap<WorkerProcess, Promise<void>>();
  #controlling = false;
  /** Bytes that the worker held after its last load or unload. */
  #heldAtRest: number | undefined;
  #workingSince = 0;
  /** Number of checks in a row that found the worker stopped. */
  #checksStopped = 0;
  #stopped: MenagerieError | undefined;

  constructor(options: PlaceOptions) {
    this.#options = options;
    this.index = options.index;
    this.role = options.role;
    this.#take(this.#start());
  }

  /** The worker, if it is running and has its networks. */
  get worker(): WorkerProcess | undefined {
    return this.#worker?.alive ? this.#worker : undefined;
  }

  get busy(): boolean {
    return this.#controlling || this.inHand.length > 0;
  }

  /** Whether a load or unload waits or is being done. */
  get wantsControl(): boolean {
    return this.#controlling || this.#control.length > 0;
  }

  /** Bytes that decoding one picture may take here. */
  get decodeBytes(): number {
    return this.#options.memory.decodeBytesBeside(this.#heldAtRest ?? heldBytes(this.networks.held));
  }

  /** Milliseconds since the last call of this or of `begins`. */
  worked(): number {
    const now = performance.now();
    const ms = now - this.#workingSince;
    this.#workingSince = now;
    return ms;
  }

  /** Notes that an idle worker begins to work. */
  begins(): void {
    this.#workingSince = performance.now();
  }

  /** Notes that the worker has finished a batch. */
  proven(): void {
    this.#deaths = 0;
  }

  /** Loads a network when the worker is idle. */
  load(spec: NetworkSpec): Promise<NetworkInfo> {
    return this.#whenFree(async (worker) => {
      const { memory, events } = this.#options;
      memory.assertFits(nameOf(spec), this.networks.expected(spec), this.networks.held);
      const info = await this.#loadInto(worker, spec);
      const placed = { spec: { ...spec, sha256: info.sha256 }, info };
      try {
        // It may share less than was expected.
        memory.assertFits(nameOf(spec), heldAs(placed), this.networks.held);
      } catch (error) {
        await this.#unloadFrom(worker, spec.key);
        throw error;
      }
      this.networks.set(spec.key, placed);
      events.changed();
      return info;
    });
  }

  /** Unloads a network when the worker is idle. From now on a replacement does not load it. */
  async unload(key: string): Promise<void> {
    if (!this.networks.delete(key)) return;
    await this.#whenFree((worker) => this.#unloadFrom(worker, key));
  }

  /** Starts the next load or unload if the worker is idle. @returns whether one is being done */
  pumpControl(): boolean {
    const { worker } = this;
    if (!worker || this.busy) return this.#controlling;
    const control = this.#control.shift();
    if (!control) return false;
    this.#controlling = true;
    void control.act(worker).finally(() => {
      this.#controlling = false;
      this.#options.events.changed();
    });
    return true;
  }

  /**
   * Ends the worker if it is busy and holds more memory than its share, if it is idle and holds much more than it needs, or if it
   * has been stopped.
   */
  watch(): void {
    const { memory } = this.#options;
    const { worker } = this;
    const status = worker && processStatus(worker.pid);
    if (!worker || !status) return;
    // Not while idle: a replacement with the same networks would hold as much.
    if (this.busy) memory.enforceShare(worker, status.held, 'The work');
    else if (this.#heldAtRest !== undefined && memory.isFat(status.held, this.#heldAtRest)) {
      worker.kill({ kind: 'stopped', reason: 'held memory that it no longer needed' });
    }
    // After a suspended machine or group of processes resumes, the server may run a moment before its workers.
    this.#checksStopped = status.stopped && !worker.held ? this.#checksStopped + 1 : 0;
    if (this.#checksStopped > MOST_CHECKS_STOPPED) worker.kill({ kind: 'lost', reason: 'was stopped' });
  }

  /** Rejects the loads and unloads that wait, and ends the worker. */
  async stop(error: MenagerieError): Promise<void> {
    this.#stopped = error;
    this.#rejectControl(error);
    await Promise.all([this.#worker?.stop(), this.#successor?.stop()]);
  }

  /** Rejects the loads and unloads that wait. */
  #rejectControl(error: MenagerieError): void {
    for (const control of this.#control.splice(0)) control.reject(error);
  }

  #whenFree<T>(action: (worker: WorkerProcess) => Promise<T>): Promise<T> {
    if (this.#stopped) return Promise.reject(this.#stopped);
    return new Promise((resolve, reject) => {
      const act = (worker: WorkerProcess) =>
        action(worker).then(resolve, (error) => reject(error instanceof WorkerLost ? workerFailed(error) : error));
      this.#control.push({ act, reject });
      this.#options.events.changed();
    });
  }

  async #unloadFrom(worker: WorkerProcess, key: string): Promise<void> {
    await worker.call('unload', { key }, [], this.#options.loadTimeoutMs);
    await this.#options.memory.afterLoading(worker.pid);
    this.#heldAtRest = processStatus(worker.pid)?.held;
  }

  async #loadInto(worker: WorkerProcess, spec: NetworkSpec): Promise<NetworkInfo> {
    const { memory, loadTimeoutMs } = this.#options;
    // The worker's first memory limit must not replace the one set here.
    await this.#limited.get(worker);
    await memory.beforeLoading(worker.pid, spec);
    try {
      const { answer } = await worker.call('load', { spec }, [], loadTimeoutMs);
      return answer.info;
    } catch (error) {
      if (!(error instanceof WorkerLost) || error.end.kind !== 'deadline') throw error;
      throw new MenagerieError('worker_failed', `${nameOf(spec)} did not load and run within ${loadTimeoutMs} ms.`);
    } finally {
      await memory.afterLoading(worker.pid);
      this.#heldAtRest = processStatus(worker.pid)?.held;
    }
  }

  /** Starts a worker. Its memory limit is set once it runs: Node versions differ by half a gigabyte in what they allocate themselves. */
  #start(): WorkerProcess {
    const { memory, start } = this.#options;
    const worker = start();
    const limited = worker.started.then(() => memory.afterLoading(worker.pid)).catch(() => {});
    this.#limited.set(worker, limited);
    return worker;
  }

  #take(worker: WorkerProcess): void {
    this.#worker = worker;
    this.#checksStopped = 0;
    void worker.ended.then((end) => this.#replace(end));
  }

  /** Starts workers until one has loaded the same networks. Gives up a network that ends worker after worker. */
  async #replace(end: WorkerEnd): Promise<void> {
    if (this.#stopped) return;
    const { events } = this.#options;
    // An idle worker that the server ended on purpose is not an incident.
    if (end.kind !== 'stopped') events.replaced(this.index, end.reason);
    events.changed();
    for (let attempt = 1; ; attempt++) {
      // The pauses grow, so that a worker that cannot start is not started ten times a second.
      if (this.#deaths > 0) await sleep(Math.min(MAX_RESPAWN_DELAY_MS, RESPAWN_DELAY_MS * 2 ** (this.#deaths - 1)));
      this.#deaths++;
      if (this.#stopped) return;
      const worker = this.#start();
      this.#successor = worker;
      const fault = await this.#reload(worker);
      this.#successor = undefined;
      if (this.#stopped) return;
      if (!fault && worker.alive) {
        this.#take(worker);
        return events.changed();
      }
      worker.kill({ kind: 'stopped', reason: 'its networks could not be loaded' });
      await worker.ended;
      if (!fault || (attempt < RELOAD_ATTEMPTS && fault.error.code === 'worker_failed')) continue;
      attempt = 0;
      if (fault.key === undefined) this.#rejectControl(fault.error);
      else {
        this.networks.delete(fault.key);
        events.lost(this.index, fault.key, fault.error);
      }
    }
  }

  /** Loads the networks into a new worker. @returns the error and the key of the network; no key if the worker did not start */
  async #reload(worker: WorkerProcess): Promise<{ key: string | undefined; error: MenagerieError } | undefined> {
    let key: string | undefined;
    try {
      await worker.started;
      for (const [name, placed] of this.networks) {
        key = name;
        placed.info = await this.#loadInto(worker, placed.spec);
      }
      return undefined;
    } catch (error) {
      return { key, error: error instanceof WorkerLost ? workerFailed(error) : toMenagerieError(error) };
    }
  }
}
