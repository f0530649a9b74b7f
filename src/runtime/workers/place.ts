import { setTimeout as sleep } from 'node:timers/promises';
import { MenagerieError, toMenagerieError } from '../../core/errors.js';
import { type NetworkInfo, type NetworkSpec, nameOf } from '../networks/network-spec.js';
import type { Batch } from './job.js';
import { type WorkerEnd, WorkerLost } from './process/worker-end.js';
import { processStatus, type WorkerMemory } from './process/worker-memory.js';
import { type WorkerProcess, workerFailed } from './process/worker-process.js';

/** What a place's workers are for. */
export interface Role {
  /** Whether they hold networks. */
  networks: boolean;
  /** Whether they decode pictures. */
  pictures: boolean;
  /** Whether they decode those that take long. */
  heavy: boolean;
}

/** What happens in the places, for metrics and logs. */
interface PlaceEvents {
  /** A worker died and is being replaced. */
  replaced(place: number, reason: string): void;
  /** A network could not be loaded into the replacement of a worker. */
  lost(place: number, key: string, error: MenagerieError): void;
  /** There is a worker again, or one less; or a network more or less in it. */
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

/** Something to be done with a worker when it has nothing in hand. */
interface Control {
  act(worker: WorkerProcess): Promise<void>;
  reject(error: unknown): void;
}

const RELOAD_ATTEMPTS = 3;
const MOST_CHECKS_STOPPED = 10;
const RESPAWN_DELAY_MS = 100;
const MAX_RESPAWN_DELAY_MS = 10_000;

/** A place for a worker: when one dies, the next takes its place, with the same networks. */
export class Place {
  readonly index: number;
  readonly role: Role;
  /** The networks this place holds, and gets again when its worker is replaced. */
  readonly networks = new Map<string, NetworkSpec>();
  /** What the worker has in hand, in order. */
  readonly inHand: Batch[] = [];
  readonly #options: PlaceOptions;
  /** Loads and unloads waiting for the worker to be free; they go before pictures. */
  readonly #control: Control[] = [];
  #worker: WorkerProcess | undefined;
  /** What will take a dead worker's place once its networks are loaded. */
  #successor: WorkerProcess | undefined;
  /** Workers it has lost since one last finished something. */
  #deaths = 0;
  /** Resolves when a worker has its first limit on memory. */
  readonly #limited = new WeakMap<WorkerProcess, Promise<void>>();
  #controlling = false;
  /** Bytes that its worker held when it last had loaded something. */
  #heldAtRest: number | undefined;
  #workingSince = 0;
  /** How often in a row the worker was seen stopped. */
  #checksStopped = 0;
  #stopped: MenagerieError | undefined;

  constructor(options: PlaceOptions) {
    this.#options = options;
    this.index = options.index;
    this.role = options.role;
    this.#take(this.#start());
  }

  /** The worker, if it can be given work. */
  get worker(): WorkerProcess | undefined {
    return this.#worker?.alive ? this.#worker : undefined;
  }

  get busy(): boolean {
    return this.#controlling || this.inHand.length > 0;
  }

  /** Whether it waits for its worker to be free, to load or unload something. */
  get wantsControl(): boolean {
    return this.#controlling || this.#control.length > 0;
  }

  /** Milliseconds that the worker has worked since it was last asked this, or since it last began. */
  worked(): number {
    const now = performance.now();
    const ms = now - this.#workingSince;
    this.#workingSince = now;
    return ms;
  }

  /** Notes that a worker which had nothing to do begins. */
  begins(): void {
    this.#workingSince = performance.now();
  }

  /** Notes that the worker has done something. */
  proven(): void {
    this.#deaths = 0;
  }

  /** Loads a network when the worker is free. */
  load(spec: NetworkSpec): Promise<NetworkInfo> {
    return this.#whenFree(async (worker) => {
      this.#options.memory.assertFits(spec, this.networks.values());
      const info = await this.#loadInto(worker, spec);
      this.networks.set(spec.key, { ...spec, sha256: info.sha256 });
      this.#options.events.changed();
      return info;
    });
  }

  /** Unloads a network when the worker is free. What dies meanwhile does not get it again. */
  async unload(key: string): Promise<void> {
    if (!this.networks.delete(key)) return;
    await this.#whenFree(async (worker) => {
      await worker.call('unload', { key }, [], this.#options.loadTimeoutMs);
      await this.#options.memory.afterLoading(worker.pid);
      this.#heldAtRest = processStatus(worker.pid)?.held;
    });
  }

  /** Does the next load or unload, if there is one and the worker is free for it. @returns whether there was one */
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
   * Ends the worker if it holds more memory than it may, or much more than it needs and has nothing to do; or if somebody has
   * stopped it.
   */
  watch(): void {
    const { memory } = this.#options;
    const { worker } = this;
    const status = worker && processStatus(worker.pid);
    if (!worker || !status) return;
    // What it holds at rest another would hold too.
    if (this.busy) memory.enforceShare(worker, status.held, 'The work');
    else if (this.#heldAtRest !== undefined && memory.isFat(status.held, this.#heldAtRest)) {
      worker.kill({ kind: 'stopped', reason: 'held memory that it no longer needed' });
    }
    // When a machine or a group of processes was halted, the server may go on a moment before its workers.
    this.#checksStopped = status.stopped ? this.#checksStopped + 1 : 0;
    if (this.#checksStopped > MOST_CHECKS_STOPPED) worker.kill({ kind: 'lost', reason: 'was stopped' });
  }

  /** Fails what waits to be loaded, and ends the worker. */
  async stop(error: MenagerieError): Promise<void> {
    this.#stopped = error;
    this.#rejectControl(error);
    await Promise.all([this.#worker?.stop(), this.#successor?.stop()]);
  }

  /** Whatever waits for a worker that cannot be started is not left to wait. */
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

  async #loadInto(worker: WorkerProcess, spec: NetworkSpec): Promise<NetworkInfo> {
    const { memory, loadTimeoutMs } = this.#options;
    // Its first limit must not come after this one.
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

  /** Starts a worker. What it may ask for is known when it runs: engines differ by half a gigabyte in what they ask for themselves. */
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

  /** Puts a new worker with the same networks in place of a dead one; gives a network up that keeps killing it. */
  async #replace(end: WorkerEnd): Promise<void> {
    if (this.#stopped) return;
    const { events } = this.#options;
    // What the server ends on purpose, with nothing in hand, is no incident.
    if (end.kind !== 'stopped') events.replaced(this.index, end.reason);
    events.changed();
    for (let attempt = 1; ; attempt++) {
      // Longer each time, so that a worker that cannot even start is not tried ten times a second.
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

  /** @returns what went wrong, and with the loading of which network, if it was not the start itself */
  async #reload(worker: WorkerProcess): Promise<{ key: string | undefined; error: MenagerieError } | undefined> {
    let key: string | undefined;
    try {
      await worker.started;
      for (const [name, spec] of this.networks) {
        key = name;
        await this.#loadInto(worker, spec);
      }
      return undefined;
    } catch (error) {
      return { key, error: error instanceof WorkerLost ? workerFailed(error) : toMenagerieError(error) };
    }
  }
}
