import { setTimeout as sleep } from 'node:timers/promises';
import { Batcher, type Runner } from '../core/batcher.js';
import { MenagerieError, toMenagerieError } from '../core/errors.js';
import { Semaphore } from '../core/semaphore.js';
import { type LaneEvents, notLoaded, RunJob, type RunResult, shuttingDown, type Turn } from './jobs.js';
import { Lane } from './lane.js';
import type { RunInput } from './pixels.js';
import type { LaneSettings, NetworkInfo, NetworkSpec } from './protocol.js';
import type { Slot } from './slot.js';

export interface LanePoolOptions extends LaneSettings {
  /** Number of lanes. Lanes times threads should not exceed the cores. */
  lanes: number;
  /** Entry file of the worker. */
  script: URL;
  /** How long an idle lane waits for a batch to fill, in ms; 0: it runs what there is. */
  batchDelayMs: number;
  /** A run that takes longer is given up and its lane replaced. */
  runTimeoutMs: number;
  /** The same for loading a network. */
  loadTimeoutMs: number;
  events: LaneEvents;
}

const RELOAD_ATTEMPTS = 3;
const RESPAWN_DELAY_MS = 100;
const MAX_RESPAWN_DELAY_MS = 10_000;

/** A fixed number of lanes, the networks in them, and one queue of work in front of them. */
export class LanePool {
  readonly #options: LanePoolOptions;
  readonly #slots: Slot[];
  readonly #queue: Batcher<RunJob>;
  /** Rows that a run of each loaded network takes at most. */
  readonly #maxRows = new Map<string, number>();
  /** Set while an idle lane waits for a batch to fill. */
  #alarm: NodeJS.Timeout | undefined;
  /** One lane is always left to serve while others load, where there is more than one. */
  readonly #loading: Semaphore;
  #stopped = false;

  constructor(options: LanePoolOptions) {
    this.#options = options;
    this.#queue = new Batcher(options.batchDelayMs);
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

  /** Pieces of work waiting for a lane. */
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
          // Measured in every lane: the most careful wins.
          this.#maxRows.set(spec.key, Math.min(info.batch, this.#maxRows.get(spec.key) ?? info.batch));
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
    const { value } = outcomes.at(-1) as PromiseFulfilledResult<NetworkInfo>;
    return { ...value, batch: this.#maxRows.get(spec.key) ?? value.batch };
  }

  /** Removes a network from all lanes and fails what still waits for it. */
  async unload(key: string): Promise<void> {
    const holders = this.#slots.filter((slot) => slot.networks.delete(key));
    this.#maxRows.delete(key);
    this.#rejectQueued(key, notLoaded());
    await Promise.allSettled(
      holders.map((slot) => this.#control(slot, (lane) => lane.unload(key, this.#options.loadTimeoutMs))),
    );
  }

  /**
   * Runs a network on an input in the first free lane that holds it, together with others where that pays.
   * @throws MenagerieError `lane_failed`, `model_not_loaded`, `shutting_down`, or the signal's reason
   */
  run(key: string, input: RunInput, turn: Turn): Promise<RunResult> {
    return new Promise((resolve, reject) => {
      this.#enqueue(new RunJob({ resolve, reject }, key, input), turn);
    });
  }

  /** Fails what waits and ends all lanes, those at work once they have finished it, if that does not take long. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#alarm);
    const waiting = [...this.#queue.remove(() => true), ...this.#slots.flatMap((slot) => slot.control.splice(0))];
    for (const one of waiting) one.reject(shuttingDown());
    const lanes = this.#slots.flatMap(({ lane, successor }) => [lane, successor]);
    await Promise.all(lanes.map((lane) => lane?.stop('the server is stopping')));
  }

  #enqueue(job: RunJob, { flow, cost, signal }: Turn): void {
    const { key } = job;
    if (this.#stopped) job.reject(shuttingDown());
    else if (signal.aborted) job.reject(signal.reason);
    // The lanes may have lost it since the caller looked; it would wait for ever.
    else if (!this.#slots.some((slot) => slot.networks.has(key))) job.reject(notLoaded());
    else {
      job.follow(signal, () => this.#queue.remove((other) => other === job));
      this.#queue.push(job, flow, cost);
      this.#pump();
    }
  }

  #spawn(): Lane {
    const { script, device, threads, batch } = this.#options;
    return new Lane(script, { device, threads, batch });
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
    for (const job of this.#queue.remove((waiting) => waiting.key === key)) job.reject(error);
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
      const jobs = this.#queue.next(this.#runnerOf(slot), performance.now());
      if (jobs.length > 0) this.#work(slot, this.#runJobs(slot, lane, jobs));
    }
    this.#setAlarm();
  }

  #runnerOf({ networks }: Slot): Runner {
    return {
      holds: (key) => networks.has(key),
      maxRows: (key) => this.#maxRows.get(key) ?? 1,
    };
  }

  /** Looks again when the next thing that waits for company has waited long enough. */
  #setAlarm(): void {
    clearTimeout(this.#alarm);
    const now = performance.now();
    const due = this.#queue.nextDue(now);
    if (due === undefined) return;
    const { alive, busy } = this.lanes;
    if (busy === alive) return;
    this.#alarm = setTimeout(() => this.#pump(), Math.max(1, due - now));
  }

  async #runJobs(slot: Slot, lane: Lane, jobs: readonly RunJob[]): Promise<void> {
    const [first] = jobs as [RunJob];
    try {
      await first.work(lane, jobs, this.#options);
      slot.deaths = 0;
    } catch (error) {
      for (const job of jobs) job.reject(error);
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
