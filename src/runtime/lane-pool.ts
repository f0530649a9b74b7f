import { setTimeout as sleep } from 'node:timers/promises';
import { MenagerieError, toMenagerieError } from '../core/errors.js';
import type { Picture } from '../core/picture.js';
import { Semaphore } from '../core/semaphore.js';
import { Lane } from './lane.js';
import type { LaneSettings, NetworkInfo, NetworkSpec, RunResult } from './protocol.js';

/** What happens in the lanes, for metrics and logs. */
export interface LaneEvents {
  /** A lane worked for so many milliseconds. */
  laneBusy(lane: number, ms: number): void;
  /** A lane died and is being replaced. */
  laneReplaced(lane: number, reason: string): void;
  /** No lane holds the network any more: it could not be loaded into the replacement of its last one. */
  networkLost(key: string, reason: string): void;
}

export interface LanePoolOptions extends LaneSettings {
  /** Number of lanes. Lanes times threads should not exceed the cores. */
  lanes: number;
  /** Entry file of the worker. */
  script: URL;
  /** A run that takes longer is given up and its lane replaced. */
  runTimeoutMs: number;
  /** The same for loading a network. */
  loadTimeoutMs: number;
  events: LaneEvents;
}

/** The answer about a picture and how long it waited for a lane. */
export interface PoolResult extends RunResult {
  queueMs: number;
}

interface Job {
  key: string;
  picture: Picture;
  enqueued: number;
  resolve(result: PoolResult): void;
  reject(error: unknown): void;
}

interface Slot {
  index: number;
  /** Undefined while a dead lane is being replaced. */
  lane: Lane | undefined;
  /** The networks this slot holds, and gets again when its lane is replaced. */
  networks: Map<string, NetworkSpec>;
  /** Loads and unloads waiting for the lane to be free; they go before pictures. */
  control: ((lane: Lane) => Promise<void>)[];
}

const RELOAD_ATTEMPTS = 3;
const RESPAWN_DELAY_MS = 100;

/** A fixed number of lanes, the networks in them, and one queue of pictures in front of them. */
export class LanePool {
  readonly #options: LanePoolOptions;
  readonly #slots: Slot[];
  readonly #queue: Job[] = [];
  /** One lane is always left to serve while others load, where there is more than one. */
  readonly #loading: Semaphore;
  #stopped = false;

  constructor(options: LanePoolOptions) {
    this.#options = options;
    this.#loading = new Semaphore(Math.max(1, options.lanes - 1));
    this.#slots = Array.from({ length: options.lanes }, (_, index) => ({
      index,
      lane: undefined,
      networks: new Map(),
      control: [],
    }));
    for (const slot of this.#slots) this.#attach(slot, this.#spawn());
  }

  /** Number of lanes. */
  get size(): number {
    return this.#slots.length;
  }

  /** Pictures waiting for a lane. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Lanes that are up, and those of them that are working. */
  get lanes(): { alive: number; busy: number } {
    const alive = this.#slots.filter((slot) => slot.lane);
    return { alive: alive.length, busy: alive.filter((slot) => slot.lane?.busy).length };
  }

  /**
   * Loads a network into `instances` lanes, those that hold the fewest.
   * @returns what the last of them told
   * @throws MenagerieError `invalid_network`, `signature_mismatch`, `lane_failed`; the network is then in no lane
   */
  async load(spec: NetworkSpec, instances: number): Promise<NetworkInfo> {
    const chosen = [...this.#slots].sort((a, b) => a.networks.size - b.networks.size).slice(0, instances);
    const loads = chosen.map((slot) =>
      this.#loading.run(() =>
        this.#control(slot, async (lane) => {
          const info = await lane.load(spec, this.#options.loadTimeoutMs);
          slot.networks.set(spec.key, spec);
          return info;
        }),
      ),
    );
    const outcomes = await Promise.allSettled(loads);
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed) {
      await this.unload(spec.key);
      throw failed.reason;
    }
    return (outcomes.at(-1) as PromiseFulfilledResult<NetworkInfo>).value;
  }

  /** Removes a network from all lanes and fails what still waits for it. */
  async unload(key: string): Promise<void> {
    const holders = this.#slots.filter((slot) => slot.networks.delete(key));
    this.#rejectQueued(key, new MenagerieError('model_not_loaded', 'The model was unloaded.'));
    await Promise.allSettled(
      holders.map((slot) => this.#control(slot, (lane) => lane.unload(key, this.#options.loadTimeoutMs))),
    );
  }

  /**
   * Runs a network on a picture in the first free lane that holds it. The picture's bytes are moved to the lane.
   * @param signal ends the waiting: what has not started by then never does
   * @throws MenagerieError `lane_failed`, `model_not_loaded`, `shutting_down`, or the signal's reason
   */
  run(key: string, picture: Picture, signal: AbortSignal): Promise<PoolResult> {
    return new Promise((resolve, reject) => {
      if (this.#stopped) return reject(shuttingDown());
      if (signal.aborted) return reject(signal.reason);
      const onAbort = () => {
        const at = this.#queue.indexOf(job);
        if (at !== -1) this.#queue.splice(at, 1);
        reject(signal.reason);
      };
      const job: Job = {
        key,
        picture,
        enqueued: performance.now(),
        resolve: (result) => {
          signal.removeEventListener('abort', onAbort);
          resolve(result);
        },
        reject: (error) => {
          signal.removeEventListener('abort', onAbort);
          reject(error);
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#queue.push(job);
      this.#pump();
    });
  }

  /** Fails what waits and ends all lanes. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const job of this.#queue.splice(0)) job.reject(shuttingDown());
    await Promise.all(this.#slots.map((slot) => slot.lane?.terminate('the server is stopping')));
  }

  #spawn(): Lane {
    const { script, device, threads } = this.#options;
    return new Lane(script, { device, threads });
  }

  #attach(slot: Slot, lane: Lane): void {
    slot.lane = lane;
    void lane.died.then((reason) => {
      slot.lane = undefined;
      if (this.#stopped) return;
      this.#options.events.laneReplaced(slot.index, reason);
      void this.#replace(slot);
    });
    this.#pump();
  }

  /** Puts a new lane with the same networks in place of a dead one; gives a network up that keeps killing it. */
  async #replace(slot: Slot): Promise<void> {
    for (let attempt = 1; !this.#stopped; attempt++) {
      await sleep(RESPAWN_DELAY_MS * attempt);
      const lane = this.#spawn();
      const fault = await this.#reload(slot, lane);
      if (!fault) {
        if (this.#stopped) await lane.terminate('the server is stopping');
        else this.#attach(slot, lane);
        return;
      }
      await lane.terminate('its networks could not be loaded');
      if (attempt >= RELOAD_ATTEMPTS || fault.error.code !== 'lane_failed') {
        this.#forget(slot, fault.key, fault.error.message);
        attempt = 0;
      }
    }
  }

  async #reload(slot: Slot, lane: Lane): Promise<{ key: string; error: MenagerieError } | undefined> {
    for (const [key, spec] of slot.networks) {
      try {
        await lane.load(spec, this.#options.loadTimeoutMs);
      } catch (error) {
        return { key, error: toMenagerieError(error) };
      }
    }
    return undefined;
  }

  #forget(slot: Slot, key: string, reason: string): void {
    slot.networks.delete(key);
    if (this.#slots.some((other) => other.networks.has(key))) return;
    this.#rejectQueued(key, new MenagerieError('model_failed', 'The model no longer loads.'));
    this.#options.events.networkLost(key, reason);
  }

  #rejectQueued(key: string, error: MenagerieError): void {
    const kept = this.#queue.filter((job) => job.key !== key);
    const dropped = this.#queue.filter((job) => job.key === key);
    this.#queue.splice(0, this.#queue.length, ...kept);
    for (const job of dropped) job.reject(error);
  }

  /** Does something with a slot's lane when it is free. */
  #control<T>(slot: Slot, action: (lane: Lane) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      slot.control.push((lane) => action(lane).then(resolve, reject));
      this.#pump();
    });
  }

  /** Gives every free lane its next piece of work. */
  #pump(): void {
    if (this.#stopped) return;
    for (const slot of this.#slots) {
      const { lane } = slot;
      if (!lane || lane.busy) continue;
      const control = slot.control.shift();
      if (control) {
        this.#work(slot, control(lane));
        continue;
      }
      const at = this.#queue.findIndex((job) => slot.networks.has(job.key));
      const [job] = at === -1 ? [] : this.#queue.splice(at, 1);
      if (job) this.#work(slot, this.#runJob(lane, job));
    }
  }

  async #runJob(lane: Lane, job: Job): Promise<void> {
    const queueMs = performance.now() - job.enqueued;
    try {
      const result = await lane.run(job.key, job.picture, this.#options.runTimeoutMs);
      job.resolve({ ...result, queueMs });
    } catch (error) {
      job.reject(error);
    }
  }

  #work(slot: Slot, work: Promise<void>): void {
    const started = performance.now();
    void work.finally(() => {
      this.#options.events.laneBusy(slot.index, performance.now() - started);
      this.#pump();
    });
  }
}

function shuttingDown(): MenagerieError {
  return new MenagerieError('shutting_down', 'The server is stopping.', { retryAfterS: 5 });
}
