import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { MenagerieError } from '../core/errors.js';
import { errorOf, type Failure } from './protocol.js';

/** What a thread answers a request with; both have the same id. */
type Reply = { id: number } & ({ type: 'done'; result: unknown } | Failure);

/** A thread that is ended in the midst of native code may take the process with it. */
const STOP_PATIENCE_MS = 2000;

/**
 * A thread keeps next to nothing, but left to itself the engine (Node 24) gives new objects far more room in each of them: under
 * a load of LeNet-5 the server took 750 MB instead of 450.
 */
const RESOURCE_LIMITS = { maxYoungGenerationSizeMb: 12 };

interface Pending {
  resolve(result: unknown): void;
  reject(error: unknown): void;
  timer: NodeJS.Timeout;
}

/**
 * The main thread's end of a worker thread that answers requests. Once it has died (crashed, was terminated, or did not
 * answer in time) it stays dead, and what it was asked fails with `lane_failed`; its owner puts another in its place.
 */
export class WorkerThread {
  /** Resolves with the reason when the thread is dead; never rejects. */
  readonly died: Promise<string>;
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #proven = false;
  #dead: string | undefined;
  #die: (reason: string) => void;
  /** Called when there is nothing left to answer. */
  readonly #whenQuiet: (() => void)[] = [];

  /**
   * @param script the worker's entry file
   * @param name what its threads are called
   * @param workerData what it is given when it starts
   */
  constructor(script: URL, name: string, workerData: unknown) {
    let resolveDied: (reason: string) => void;
    this.died = new Promise((resolve) => {
      resolveDied = resolve;
    });
    this.#die = (reason) => {
      if (this.#dead !== undefined) return;
      this.#dead = reason;
      // Before the requests fail, so that there is another when they are asked again.
      resolveDied(reason);
      for (const id of [...this.#pending.keys()]) this.#settle(id)?.reject(threadFailed(reason));
    };
    this.#worker = new Worker(script, { workerData, name, resourceLimits: RESOURCE_LIMITS });
    this.#worker.on('message', (reply: Reply) => this.#receive(reply));
    this.#worker.on('messageerror', (error) => this.#die(`unreadable reply: ${error.message}`));
    this.#worker.on('error', (error) =>
      this.#die(`crashed: ${error instanceof Error ? error.message : String(error)}`),
    );
    this.#worker.on('exit', (code) => this.#die(`exited with code ${code}`));
  }

  /** Requests that are being worked on. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Whether it has ever answered. */
  get proven(): boolean {
    return this.#proven;
  }

  /** Whether it can be asked. */
  get alive(): boolean {
    return this.#dead === undefined;
  }

  /**
   * Asks for something.
   * @param timeoutMs without an answer by then the thread is ended
   * @param transfer memory that moves to the thread
   * @throws MenagerieError `lane_failed`, or what the thread answers
   */
  ask(request: object, timeoutMs: number, transfer: ArrayBuffer[] = []): Promise<unknown> {
    if (this.#dead !== undefined) return Promise.reject(threadFailed(this.#dead));
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => void this.terminate(`no answer within ${timeoutMs} ms`), timeoutMs);
      this.#pending.set(id, { resolve, reject, timer });
      this.#worker.postMessage({ id, ...request }, transfer);
    });
  }

  /** Ends the thread once it has answered what it was asked, if that does not take long. */
  async stop(reason: string): Promise<void> {
    if (this.#pending.size > 0) {
      const quiet = new Promise<void>((resolve) => this.#whenQuiet.push(resolve));
      await Promise.race([quiet, sleep(STOP_PATIENCE_MS, undefined, { ref: false })]);
    }
    await this.terminate(reason);
  }

  /** Ends the thread; requests being worked on fail with `lane_failed`. */
  async terminate(reason: string): Promise<void> {
    this.#die(reason);
    await this.#worker.terminate();
  }

  #receive(reply: Reply): void {
    this.#proven = true;
    const pending = this.#settle(reply.id);
    if (reply.type === 'done') pending?.resolve(reply.result);
    else pending?.reject(errorOf(reply));
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    clearTimeout(pending?.timer);
    this.#pending.delete(id);
    if (this.#pending.size === 0) for (const resolve of this.#whenQuiet.splice(0)) resolve();
    return pending;
  }
}

function threadFailed(reason: string): MenagerieError {
  return new MenagerieError('lane_failed', 'The worker running the request failed and is being replaced; try again.', {
    cause: reason,
    retryAfterS: 1,
  });
}
