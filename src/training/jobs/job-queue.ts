import { randomBytes } from 'node:crypto';
import { MenagerieError, toMenagerieError } from '../../core/errors.js';
import type { FileLock } from '../../system/file-lock.js';
import type { Progress, TransferRequest, TransferResult } from '../transfer-request.js';
import { JobStore } from './job-store.js';
import { JobWatchers } from './job-watchers.js';
import { isOver, type TransferJob } from './transfer-job.js';

/** Runs one training. Its report is stored by `keepReport` before the model is written. */
export type RunTransfer = (
  request: TransferRequest,
  onProgress: (progress: Progress) => void,
  keepReport: (report: object) => Promise<void>,
  signal: AbortSignal,
) => Promise<TransferResult>;

export interface JobQueueOptions {
  store: JobStore;
  run: RunTransfer;
  /** @throws MenagerieError `model_protected` if no training may make a model of this id */
  assertFree(id: string): Promise<void>;
  /** A job has changed its state. @param fault why it failed, with its cause, which the job does not tell clients */
  onState(job: TransferJob, fault?: MenagerieError): void;
  /** The state of a job could not be written: after a restart an older one counts. */
  onFault(job: TransferJob, error: MenagerieError): void;
}

const MOST_WAITING = 16;
/** A job that was running when the server ended this often is not begun again: it may be what ends the server. */
const MOST_BEGUN = 3;

/** Trainings: one runs at a time, the others wait, and all of them survive a restart. */
export class JobQueue {
  readonly #options: JobQueueOptions;
  /** In the order in which they came. */
  readonly #jobs = new Map<string, TransferJob>();
  readonly #watchers = new JobWatchers();
  #running: { id: string; abort: AbortController; ended: Promise<void> } | undefined;
  /** Held from the first job on: two servers with one folder would run each other's jobs. */
  #lock: Promise<FileLock> | undefined;
  #stopped = false;

  private constructor(options: JobQueueOptions) {
    this.#options = options;
  }

  /** Reads the jobs on disk. Nothing runs before `start`. @throws MenagerieError `io_error` */
  static async open(options: JobQueueOptions): Promise<JobQueue> {
    const queue = new JobQueue(options);
    for (const job of await options.store.all()) queue.#jobs.set(job.id, job);
    return queue;
  }

  /**
   * Goes on with the jobs that were not over when the last server ended; what they had read is in the cache.
   * @throws MenagerieError `io_error` if another server has the folder of trainings
   */
  async start(): Promise<void> {
    const left = [...this.#jobs.values()].filter((job) => !isOver(job));
    if (left.length === 0) return;
    await this.#own();
    for (const job of left) {
      // One that waited may run already, if a new one came meanwhile.
      if (job.state !== 'running' || this.#running?.id === job.id) continue;
      const lost = job.begun >= MOST_BEGUN;
      await this.#move(job, lost ? 'lost' : 'queued', lost ? lostError(job) : undefined);
    }
    this.#next();
  }

  /** All jobs, the newest first. */
  get jobs(): TransferJob[] {
    return [...this.#jobs.values()].reverse();
  }

  /** @throws MenagerieError `unknown_training` */
  job(id: string): TransferJob {
    const job = this.#jobs.get(id);
    if (job) return job;
    throw new MenagerieError('unknown_training', `There is no training "${id}"; GET /transfers lists them.`);
  }

  /**
   * Refuses a job before its pictures are received.
   * @param id of the new model, if it is known
   * @throws MenagerieError `overloaded` if too many wait, `training_busy` if one for the same id is not over, `model_protected`,
   *   `shutting_down`, `io_error` if another server has the folder of trainings
   */
  async prepare(id: string | undefined): Promise<void> {
    this.#assertRoom(id);
    if (id !== undefined) await this.#options.assertFree(id);
    await this.#own();
  }

  #assertRoom(id: string | undefined): void {
    if (this.#stopped) throw new MenagerieError('shutting_down', 'The server is stopping.', { retryAfterS: 5 });
    const open = this.jobs.filter((job) => !isOver(job));
    const same = open.find(({ request }) => request.id === id);
    if (same) throw new MenagerieError('training_busy', `Training "${same.id}" for "${id}" is not over yet.`);
    if (open.length > MOST_WAITING) {
      throw new MenagerieError('overloaded', `${MOST_WAITING} trainings are waiting; try again later.`, {
        retryAfterS: 60,
      });
    }
  }

  /** A name for a job that trains a model of this id. */
  static nameFor(id: string): string {
    return `${id}-${randomBytes(4).toString('hex')}`;
  }

  /**
   * Queues a job.
   * @param id from `nameFor`
   * @throws MenagerieError as `prepare`
   */
  async submit(id: string, request: TransferRequest): Promise<TransferJob> {
    await this.prepare(request.id);
    // Another one may have come meanwhile.
    this.#assertRoom(request.id);
    const job: TransferJob = {
      id,
      request,
      state: 'queued',
      progress: undefined,
      error: undefined,
      result: undefined,
      begun: 0,
      created: new Date().toISOString(),
      ended: undefined,
    };
    this.#jobs.set(id, job);
    try {
      await this.#options.store.write(job);
    } catch (error) {
      this.#jobs.delete(id);
      throw error;
    }
    this.#options.onState(job);
    this.#next();
    await this.#forgetOld();
    return job;
  }

  /**
   * Cancels a job that waits or runs, and waits until it has ended. A job that is over is forgotten instead; its model stays.
   * @throws MenagerieError `unknown_training`, `io_error`
   */
  async remove(id: string): Promise<TransferJob> {
    const job = this.job(id);
    const over = isOver(job);
    if (this.#running?.id === id) {
      this.#running.abort.abort(cancelled());
      await this.#running.ended;
    } else if (!over) await this.#move(job, 'cancelled');
    if (over) {
      this.#jobs.delete(id);
      await this.#options.store.remove(id);
    }
    return job;
  }

  /** The report of a job as JSON text. @throws MenagerieError `unknown_training`, `no_report` */
  async report(id: string): Promise<string> {
    return await this.#options.store.report(this.job(id).id);
  }

  /**
   * The job now, and again after each change (see JobWatchers).
   * @throws MenagerieError `unknown_training`
   */
  watch(id: string, signal: AbortSignal): AsyncGenerator<TransferJob> {
    return this.#watchers.watch(this.job(id), signal);
  }

  /** Ends the running job, which begins again when the server starts the next time. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#watchers.close();
    this.#running?.abort.abort(new MenagerieError('shutting_down', 'The server is stopping.'));
    await this.#running?.ended;
    await this.#lock?.then((lock) => lock.release()).catch(() => undefined);
  }

  async #own(): Promise<void> {
    this.#lock ??= this.#options.store.lock(new AbortController().signal);
    try {
      await this.#lock;
    } catch (error) {
      this.#lock = undefined;
      throw error;
    }
  }

  #next(): void {
    if (this.#running || this.#stopped) return;
    const job = [...this.#jobs.values()].find(({ state }) => state === 'queued');
    if (!job) return;
    const abort = new AbortController();
    const ended = this.#runOne(job, abort.signal).finally(() => {
      this.#running = undefined;
      this.#next();
    });
    this.#running = { id: job.id, abort, ended };
  }

  /** Never rejects. */
  async #runOne(job: TransferJob, signal: AbortSignal): Promise<void> {
    const { store, run } = this.#options;
    job.begun++;
    await this.#move(job, 'running');
    const onProgress = (progress: Progress) => {
      job.progress = progress;
      this.#watchers.changed(job);
    };
    try {
      signal.throwIfAborted();
      const keepReport = (report: object) => store.writeReport(job.id, report);
      job.result = await run(job.request, onProgress, keepReport, signal);
      await this.#move(job, 'done');
    } catch (error) {
      const reason = toMenagerieError(signal.aborted ? signal.reason : error);
      const { code, message: detail } = reason;
      // A stopped server begins it again; it was not its fault.
      if (code === 'shutting_down') job.begun--;
      const state = code === 'shutting_down' ? 'queued' : code === 'training_cancelled' ? 'cancelled' : 'failed';
      await (state === 'failed' ? this.#move(job, state, { code, detail }, reason) : this.#move(job, state));
    }
  }

  /** Never rejects. */
  async #move(
    job: TransferJob,
    state: TransferJob['state'],
    error?: TransferJob['error'],
    reason?: MenagerieError,
  ): Promise<void> {
    const { store, onState, onFault } = this.#options;
    job.state = state;
    job.error = error;
    if (isOver(job)) job.ended = new Date().toISOString();
    try {
      await store.write(job);
      if (isOver(job)) await store.removePictures(job.id);
    } catch (fault) {
      onFault(job, toMenagerieError(fault));
    }
    this.#watchers.changed(job);
    onState(job, reason);
  }

  /** Never rejects. */
  async #forgetOld(): Promise<void> {
    const { store, onFault } = this.#options;
    for (const job of JobStore.tooOld([...this.#jobs.values()].filter(isOver))) {
      this.#jobs.delete(job.id);
      await store.remove(job.id).catch((fault: unknown) => onFault(job, toMenagerieError(fault)));
    }
  }
}

function lostError({ begun }: TransferJob): TransferJob['error'] {
  return { code: 'training_lost', detail: `The server ended ${begun} times while this training ran.` };
}

function cancelled(): MenagerieError {
  return new MenagerieError('training_cancelled', 'The training was cancelled.');
}
