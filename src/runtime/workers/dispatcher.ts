import { MenagerieError } from '../../core/errors.js';
import { Batcher, type Runner } from '../../core/queues/batcher.js';
import { type Batch, inNoWorker, type Job } from './job.js';
import type { Place } from './place.js';
import { WorkerLost } from './process/worker-end.js';
import { Cancelled, type WorkerProcess, workerFailed } from './process/worker-process.js';
import { sendJobs } from './send-jobs.js';

export interface DispatcherOptions {
  /** Where workers are. */
  places: readonly Place[];
  /** How long an idle worker waits for a batch to fill, in ms; 0: it runs what there is. */
  batchDelayMs: number;
  /** A worker that takes longer for what it has in hand is ended. */
  runTimeoutMs: number;
  /**
   * What is expected to take at most so many milliseconds is followed by the next at once: a worker has that waiting when it is
   * done. Behind what takes longer it might wait while another worker is free.
   */
  aheadMs: number;
  /** Rows that a run of a network takes at most. */
  maxRows(key: string): number;
  events: {
    /** A worker worked for so many milliseconds. */
    workerBusy(worker: number, ms: number): void;
    /** A worker ran a network once, on so many rows; whether anyone still waited for them does not matter. */
    executed(key: string, rows: number, inferenceMs: number): void;
  };
}

const MOST_IN_HAND = 2;
/** What waits in a worker's hand behind something that takes longer than this is taken back, for others to do. */
const STUCK_MS = 500;

/** The queue of work in front of the workers, and what each of them has in hand. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #queue: Batcher<Job>;
  /** Set while an idle worker waits for a batch to fill. */
  #alarm: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#queue = new Batcher(options.batchDelayMs);
  }

  /** Jobs waiting for a worker. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** @returns the job's result; rejects with its error, or with the signal's reason */
  do(job: Job, signal: AbortSignal): Promise<unknown> {
    if (this.#stopped) job.reject(shuttingDown());
    else if (signal.aborted) job.reject(signal.reason);
    // The workers may have lost it since the caller looked; it would wait for ever.
    else if (!this.#options.places.some((place) => takes(place, job))) job.reject(inNoWorker());
    else {
      job.follow(signal, () => this.#givenUp(job));
      this.#queue.push(job, job.flow, job.cost);
      this.pump();
    }
    return job.done;
  }

  /** Gives every worker that has less in hand than it may its next batch: first those that have nothing. */
  pump(): void {
    if (this.#stopped) return;
    for (const ahead of [false, true]) {
      for (const place of this.#options.places) {
        const { worker, inHand } = place;
        if (!worker || place.pumpControl() || place.wantsControl || ahead !== inHand.length > 0) continue;
        if (ahead && !this.#mayFollow(place)) continue;
        const jobs = this.#queue.next(this.#runnerOf(place, ahead), performance.now());
        if (jobs.length > 0) void this.#give(place, worker, { jobs });
      }
    }
    this.#setAlarm();
  }

  /** Takes back what waits in a worker's hand behind something that takes long. */
  freeStuck(): void {
    for (const { inHand, worker } of this.#options.places) {
      if ((worker?.busyMs ?? 0) > STUCK_MS) inHand[1]?.takeBack?.();
    }
  }

  /** Fails what waits for a network. */
  reject(key: string, error: MenagerieError): void {
    for (const job of this.#queue.remove((waiting) => waiting.key === key)) job.reject(error);
  }

  /** Fails what no worker can do any more: it would wait for ever. */
  rejectStranded(): void {
    const { places } = this.#options;
    for (const job of this.#queue.remove((waiting) => !places.some((place) => takes(place, waiting)))) {
      job.reject(inNoWorker());
    }
  }

  /** Fails all that waits, and takes nothing new. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#alarm);
    for (const job of this.#queue.remove(() => true)) job.reject(shuttingDown());
  }

  async #give(place: Place, worker: WorkerProcess, batch: Batch): Promise<void> {
    const { events, runTimeoutMs } = this.#options;
    if (place.inHand.length === 0) place.begins();
    place.inHand.push(batch);
    try {
      const ran = await sendJobs(worker, batch, runTimeoutMs);
      place.proven();
      if (ran && ran.rows > 0) events.executed(batch.jobs[0]?.key ?? '', ran.rows, ran.inferenceMs);
    } catch (error) {
      this.#notDone(batch, error);
    } finally {
      place.inHand.splice(place.inHand.indexOf(batch), 1);
      events.workerBusy(place.index, place.worked());
      this.pump();
    }
  }

  /** Puts back what a worker took with it, as far as that may be; the rest fails. */
  #notDone({ jobs }: Batch, error: unknown): void {
    const lost = error instanceof WorkerLost ? error : undefined;
    // Of several that were lost together only one was the culprit. Each may show once that it was not.
    const innocents = lost?.begun === true && ['fault', 'lost'].includes(lost.end.kind) && jobs.length > 1;
    for (const job of jobs) {
      if (job.settled) continue;
      const unbegun = error instanceof Cancelled || lost?.begun === false;
      if (this.#stopped) job.reject(shuttingDown());
      else if (unbegun || (!job.sentAgain && (innocents || lost?.maySendAgain))) {
        job.sentAgain ||= !unbegun;
        job.alone ||= innocents;
        this.#queue.putBack(job, job.flow, job.cost);
      } else job.reject(lost ? workerFailed(lost) : error);
    }
    this.rejectStranded();
  }

  #givenUp(job: Job): void {
    this.#queue.remove((other) => other === job);
    const batch = this.#options.places.flatMap(({ inHand }) => inHand).find(({ jobs }) => jobs.includes(job));
    if (batch?.jobs.every(({ settled }) => settled)) batch.takeBack?.();
  }

  /** Whether another batch may wait behind what a worker has in hand. */
  #mayFollow({ inHand, worker }: Place): boolean {
    const jobs = inHand[0]?.jobs ?? [];
    if ((worker?.busyMs ?? 0) > STUCK_MS) return false;
    const ms = jobs.reduce((sum, job) => sum + job.ms, 0);
    return inHand.length < MOST_IN_HAND && ms <= this.#options.aheadMs && !jobs.some(({ heavy }) => heavy);
  }

  #runnerOf(place: Place, onlyFull: boolean): Runner<Job> {
    return { takes: (job) => takes(place, job), maxRows: this.#options.maxRows, onlyFull };
  }

  /** Looks again when the next thing that waits for company has waited long enough. */
  #setAlarm(): void {
    clearTimeout(this.#alarm);
    const now = performance.now();
    const due = this.#queue.nextDue(now);
    if (due === undefined || this.#options.places.every(({ worker, busy }) => !worker || busy)) return;
    this.#alarm = setTimeout(() => this.pump(), Math.max(1, due - now));
  }
}

/** Whether a place's worker can do a job, when there is one. */
function takes({ role, networks }: Place, { key, work, heavy }: Job): boolean {
  if (work.kind !== 'render' && !networks.has(key)) return false;
  const decodes = work.kind === 'render' || (work.kind === 'run' && work.input.kind === 'picture');
  return !decodes || (role.pictures && (role.heavy || !heavy));
}

/** The error for work that comes, or still waits, when the server stops. */
export function shuttingDown(): MenagerieError {
  return new MenagerieError('shutting_down', 'The server is stopping.', { retryAfterS: 5 });
}
