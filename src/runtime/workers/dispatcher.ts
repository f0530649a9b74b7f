import { MenagerieError } from '../../core/errors.js';
import { Batcher, type Runner } from '../../core/queues/batcher.js';
import type { StopSignal } from '../../core/queues/stop-signal.js';
import { type AnyJob, type Batch, inNoWorker } from './job.js';
import { loneKey } from './lone-instances.js';
import type { Place } from './place.js';
import { WorkerLost } from './process/worker-end.js';
import { Cancelled, type WorkerProcess, workerFailed } from './process/worker-process.js';
import { sendJobs } from './send-jobs.js';
import type { Yielding } from './yielding.js';

export interface DispatcherOptions {
  /** The places of the workers. */
  places: readonly Place[];
  /** The processes that are stopped while requests need the cores; workers are among them while they do background work. */
  yielding: Yielding;
  /** How long an idle worker waits for a batch to fill, in ms; 0: it does not wait. */
  batchDelayMs: number;
  /** A worker that takes longer than this for a batch is ended. */
  runTimeoutMs: number;
  /**
   * While a worker does jobs that are expected to take at most so many milliseconds, it already gets its next batch. Behind longer
   * jobs a batch might wait while another worker is free.
   */
  aheadMs: number;
  /** Maximum number of rows in a run of a network. */
  maxRows(key: string): number;
  events: {
    /** A worker was busy for so many milliseconds. */
    workerBusy(worker: number, ms: number): void;
    /**
     * A worker ran a network once, on so many rows, whether or not the results were still wanted.
     * @param lone whether on the instance for lone requests, which is faster
     */
    executed(key: string, rows: number, inferenceMs: number, lone: boolean): void;
  };
}

/** What a worker can run, and whether on the instances for lone requests. */
interface DispatchRunner extends Runner<AnyJob> {
  lone: boolean;
}

/** Batches that a worker may have at a time: the one it does, and the next. */
const MOST_IN_HAND = 2;
/** When a worker is busy with a batch for longer than this, its next one is taken back for other workers. */
const STUCK_MS = 500;

/** Queues jobs and gives them to the workers in batches. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #queue: Batcher<AnyJob>;
  /** The jobs of background flows. */
  readonly #background: Batcher<AnyJob>;
  /** Set while a worker waits for a batch to fill. */
  #alarm: NodeJS.Timeout | undefined;
  #stopped = false;
  #pumping = false;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#queue = new Batcher(options.batchDelayMs);
    this.#background = new Batcher(0);
  }

  /** Jobs waiting for a worker. */
  get waiting(): number {
    return this.#queue.length + this.#background.length;
  }

  /** Queues a job. @returns its result @throws its error, or the signal's reason */
  do<J extends AnyJob>(job: J, signal: StopSignal): J['done'] {
    if (this.#stopped) job.reject(shuttingDown());
    else if (signal.aborted) job.reject(signal.reason);
    // The network may have been lost since the caller looked; the job would wait for ever.
    else if (!this.#options.places.some((place) => takes(place, job))) job.reject(inNoWorker());
    else {
      job.follow(signal, () => this.#abandon(job));
      this.#queueOf(job).push(job, job.flow, job.cost);
      this.#pumpSoon();
    }
    return job.done;
  }

  /**
   * Gives the next batches to workers: a lone job to the instance for it, others to idle workers, then background work to those that
   * are idle still, then more to those that may have another.
   */
  pump(): void {
    if (this.#stopped) return;
    // One moment for all: a job that became due in between would be neither taken nor waited for.
    const now = performance.now();
    const { places } = this.#options;
    if (this.waiting === 1 && places.every(({ busy }) => !busy)) {
      for (const place of places) this.#giveNext(place, this.#queue, this.#loneRunnerOf(place), now);
    }
    for (const place of places) {
      if (place.inHand.length === 0) this.#giveNext(place, this.#queue, this.#runnerOf(place, false), now);
    }
    if (this.#background.length > 0) this.#giveBackground(now);
    this.#yield();
    for (const place of places) {
      if (place.inHand.length > 0 && this.#mayFollow(place)) {
        this.#giveNext(place, this.#queue, this.#runnerOf(place, true), now);
      }
    }
    this.#setAlarm(now);
  }

  #giveBackground(now: number): void {
    // From the last: the first ones are the first that get other work.
    for (const place of this.#options.places.toReversed()) {
      if (place.inHand.length > 0 || !this.#mayDoBackground()) continue;
      this.#giveNext(place, this.#background, this.#runnerOf(place, false), now);
    }
  }

  /** Takes the next batch back from every worker that is busy for too long. */
  freeStuck(): void {
    for (const { inHand, worker } of this.#options.places) {
      if ((worker?.busyMs ?? 0) > STUCK_MS) inHand[1]?.takeBack?.();
    }
  }

  /** Rejects the queued jobs of a network. */
  reject(key: string, error: MenagerieError): void {
    for (const job of this.#remove((waiting) => waiting.network === key)) job.reject(error);
  }

  /** Rejects the queued jobs that no worker can do any more: they would wait for ever. */
  rejectStranded(): void {
    const { places } = this.#options;
    for (const job of this.#remove((waiting) => !places.some((place) => takes(place, waiting)))) {
      job.reject(inNoWorker());
    }
  }

  /** Rejects all queued jobs, and all jobs from now on. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#alarm);
    for (const job of this.#remove(() => true)) job.reject(shuttingDown());
  }

  #queueOf({ flow }: AnyJob): Batcher<AnyJob> {
    return flow.background ? this.#background : this.#queue;
  }

  #remove(unwanted: (job: AnyJob) => boolean): AnyJob[] {
    return [...this.#queue.remove(unwanted), ...this.#background.remove(unwanted)];
  }

  /** Hands out jobs when the caller has queued all that it queues now: what can share a batch must be there. */
  #pumpSoon(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    queueMicrotask(() => {
      this.#pumping = false;
      this.pump();
    });
  }

  #giveNext(place: Place, queue: Batcher<AnyJob>, runner: DispatchRunner, now: number): void {
    const { worker } = place;
    if (!worker || place.pumpControl() || place.wantsControl) return;
    const [first, ...others] = queue.next(runner, now);
    if (first) void this.#give(place, worker, { jobs: [first, ...others], lone: runner.lone });
  }

  /** Background work takes half of the workers that requests leave, so that the next ones seldom find all of them busy. */
  #mayDoBackground(): boolean {
    return this.#options.places.filter(inBackground).length < this.#backgroundRoom(this.#forRequests());
  }

  /**
   * Number of workers that may do background work. Of one or two there may be one while there are no requests at all.
   * @param forRequests number of workers that do requests
   */
  #backgroundRoom(forRequests: number): number {
    return Math.max(forRequests === 0 ? 1 : 0, Math.floor((this.#options.places.length - forRequests) / 2));
  }

  /** Number of workers that do requests. */
  #forRequests(): number {
    return this.#options.places.filter((place) => place.inHand.length > 0 && !inBackground(place)).length;
  }

  /**
   * Stops background work while requests need the cores. But if more jobs wait than workers do requests, it goes on to its end, which
   * frees its worker. A single job is answered sooner by a worker that will be free soon, and has the cores for itself.
   */
  #yield(): void {
    const { places, yielding } = this.#options;
    const forRequests = this.#forRequests();
    if (this.#queue.length > forRequests) {
      for (const { worker } of places.filter(inBackground)) if (worker) yielding.delete(worker);
    }
    yielding.yield(this.#backgroundRoom(forRequests) === 0);
  }

  async #give(place: Place, worker: WorkerProcess, batch: Batch): Promise<void> {
    const { events, runTimeoutMs, yielding } = this.#options;
    if (place.inHand.length === 0) place.begins();
    place.inHand.push(batch);
    if (inBackground(place)) yielding.add(worker);
    try {
      const ran = await sendJobs(worker, batch, runTimeoutMs);
      place.proven();
      for (const { network, rows, inferenceMs } of ran) events.executed(network, rows, inferenceMs, batch.lone);
    } catch (error) {
      this.#handleFailure(batch, error);
    } finally {
      place.inHand.splice(place.inHand.indexOf(batch), 1);
      yielding.delete(worker);
      events.workerBusy(place.index, place.worked());
      this.pump();
    }
  }

  /** Queues the jobs of a lost batch again if they may be sent again; rejects the others. */
  #handleFailure({ jobs }: Batch, error: unknown): void {
    const lost = error instanceof WorkerLost ? error : undefined;
    // Only one job of the batch caused the loss. Each is sent once more, alone, to find out which.
    const suspects = lost?.begun === true && ['fault', 'lost'].includes(lost.end.kind) && jobs.length > 1;
    for (const job of jobs) {
      if (job.settled) continue;
      const unbegun = error instanceof Cancelled || lost?.begun === false;
      if (this.#stopped) job.reject(shuttingDown());
      else if (unbegun || (!job.sentAgain && (suspects || lost?.maySendAgain))) {
        job.sentAgain ||= !unbegun;
        job.alone ||= suspects;
        this.#queueOf(job).putBack(job, job.flow, job.cost);
      } else job.reject(lost ? workerFailed(lost) : error);
    }
    this.rejectStranded();
  }

  /** Removes a job that was aborted; takes its batch back if all of it was. */
  #abandon(job: AnyJob): void {
    this.#remove((other) => other === job);
    const batch = this.#options.places.flatMap(({ inHand }) => inHand).find(({ jobs }) => jobs.includes(job));
    if (batch?.jobs.every(({ settled }) => settled)) batch.takeBack?.();
  }

  /** Whether a busy worker may get its next batch. */
  #mayFollow(place: Place): boolean {
    const { inHand, worker } = place;
    const jobs = inHand[0]?.jobs ?? [];
    if ((worker?.busyMs ?? 0) > STUCK_MS || inBackground(place)) return false;
    const ms = jobs.reduce((sum, job) => sum + job.ms, 0);
    return inHand.length < MOST_IN_HAND && ms <= this.#options.aheadMs && !jobs.some(({ heavy }) => heavy);
  }

  #runnerOf(place: Place, onlyFull: boolean): DispatchRunner {
    return { takes: (job) => takes(place, job), maxRows: this.#options.maxRows, onlyFull, lone: false };
  }

  #loneRunnerOf(place: Place): DispatchRunner {
    const runner = this.#runnerOf(place, false);
    return { ...runner, lone: true, takes: (job) => place.networks.has(loneKey(job.network)) && runner.takes(job) };
  }

  /** Pumps again when the next job has waited long enough for its batch to fill. */
  #setAlarm(now: number): void {
    clearTimeout(this.#alarm);
    const due = this.#queue.nextDue(now);
    if (due === undefined || this.#options.places.every(({ worker, busy }) => !worker || busy)) return;
    this.#alarm = setTimeout(() => this.pump(), Math.max(1, due - now));
  }
}

/** Whether the worker of a place does background work. */
function inBackground({ inHand: [batch] }: Place): boolean {
  return batch?.jobs[0].flow.background ?? false;
}

/** Whether the worker of a place can do a job, now or after it has been replaced. */
function takes({ role, networks }: Place, { kind, network, heavy }: AnyJob): boolean {
  if (kind !== 'render' && !networks.has(network)) return false;
  const decodes = kind === 'render' || kind === 'picture';
  return !decodes || (role.pictures && (role.heavy || !heavy));
}

/** The error for jobs that are queued when the server stops, or come later. */
export function shuttingDown(): MenagerieError {
  return new MenagerieError('shutting_down', 'The server is stopping.', { retryAfterS: 5 });
}
