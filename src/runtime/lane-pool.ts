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
  /** A network could not be loaded into the replacement of a lane; `remaining` others still hold it. */
  networkLost(key: string, reason: string, remaining: number): void;
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
  /** What will take a dead lane's place once its networks are loaded. */
  successor: Lane | undefined;
  /** Lanes it has lost since one last finished a piece of work. */
  deaths: number;
  /** The networks this slot holds, and gets again when its lane is replaced. */
  networks: Map<string, NetworkSpec>;
  /** Loads and unloads waiting for the lane to be free; they go before pictures. */
  control: Control[];
}

interface Control {
  act(lane: Lane): Promise<void>;
  reject(error: unknown): void;
}

const RELOAD_ATTEMPTS = 3;
const RESPAWN_DELAY_MS = 100;
const MAX_RESPAWN_DELAY_MS = 10_000;

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
      successor: undefined,
      deaths: 0,
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
    this.#rejectQueued(key, notLoaded());
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
      // The lanes may have lost it since the caller looked; it would wait for ever.
      if (!this.#slots.some((slot) => slot.networks.has(key))) return reject(notLoaded());
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
    const waiting = [...this.#queue.splice(0), ...this.#slots.flatMap((slot) => slot.control.splice(0))];
    for (const { reject } of waiting) reject(shuttingDown());
    const lanes = this.#slots.flatMap(({ lane, successor }) => [lane, successor]);
    await Promise.all(lanes.map((lane) => lane?.terminate('the server is stopping')));
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
    for (let attempt = 1; ; attempt++) {
      // Longer each time, so that a lane that cannot even start is not tried ten times a second.
      await sleep(Math.min(MAX_RESPAWN_DELAY_MS, RESPAWN_DELAY_MS * 2 ** slot.deaths++));
      if (this.#stopped) return;
      const lane = this.#spawn();
      slot.successor = lane;
      const fault = await this.#reload(slot, lane);
      slot.successor = undefined;
      if (this.#stopped) return;
      if (!fault) return this.#attach(slot, lane);
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
    const remaining = this.#slots.filter((other) => other.networks.has(key)).length;
    if (remaining === 0) this.#rejectQueued(key, new MenagerieError('model_failed', 'The model no longer loads.'));
    this.#options.events.networkLost(key, reason, remaining);
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
      if (this.#stopped) return reject(shuttingDown());
      slot.control.push({ act: (lane) => action(lane).then(resolve, reject), reject });
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
        this.#work(slot, control.act(lane));
        continue;
      }
      const at = this.#queue.findIndex((job) => slot.networks.has(job.key));
      const [job] = at === -1 ? [] : this.#queue.splice(at, 1);
      if (job) this.#work(slot, this.#runJob(slot, lane, job));
    }
  }

  async #runJob(slot: Slot, lane: Lane, job: Job): Promise<void> {
    const queueMs = performance.now() - job.enqueued;
    try {
      const result = await lane.run(job.key, job.picture, this.#options.runTimeoutMs);
      slot.deaths = 0;
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

function notLoaded(): MenagerieError {
  return new MenagerieError('model_not_loaded', 'The model is not loaded.');
}

function shuttingDown(): MenagerieError {
  return new MenagerieError('shutting_down', 'The server is stopping.', { retryAfterS: 5 });
}
