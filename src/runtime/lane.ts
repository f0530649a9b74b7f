import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { MenagerieError } from '../core/errors.js';
import type { Picture } from '../core/picture.js';
import {
  errorOf,
  type LaneReply,
  type LaneRequest,
  type LaneSettings,
  type NetworkInfo,
  type NetworkSpec,
  type Rendering,
  type RenderReply,
  type RunInput,
  type RunReply,
} from './protocol.js';

type Request = LaneRequest extends infer R ? (R extends LaneRequest ? Omit<R, 'id'> : never) : never;

interface Pending {
  id: number;
  resolve(result: unknown): void;
  reject(error: unknown): void;
  timer: NodeJS.Timeout;
}

/**
 * The main thread's end of a lane: one worker thread, one request at a time. Once it has died (crashed, was terminated,
 * or did not answer in time) it stays dead; the pool puts another in its place.
 */
export class Lane {
  /** Resolves with the reason when the lane is dead; never rejects. */
  readonly died: Promise<string>;
  readonly #worker: Worker;
  #pending: Pending | undefined;
  #lastId = 0;
  #lastAnswer: Promise<unknown> = Promise.resolve();
  #dead: string | undefined;
  #die: (reason: string) => void;

  /** @param script the worker's entry file */
  constructor(script: URL, settings: LaneSettings) {
    let resolveDied: (reason: string) => void;
    this.died = new Promise((resolve) => {
      resolveDied = resolve;
    });
    this.#die = (reason) => {
      if (this.#dead !== undefined) return;
      this.#dead = reason;
      this.#settle()?.reject(laneFailed(reason));
      resolveDied(reason);
    };
    this.#worker = new Worker(script, { workerData: settings, name: 'lane' });
    this.#worker.on('message', (reply: LaneReply) => this.#receive(reply));
    this.#worker.on('messageerror', (error) => this.#die(`unreadable reply: ${error.message}`));
    this.#worker.on('error', (error) =>
      this.#die(`crashed: ${error instanceof Error ? error.message : String(error)}`),
    );
    this.#worker.on('exit', (code) => this.#die(`exited with code ${code}`));
  }

  /** Waits until no request is being worked on, at most so long. */
  async quiet(patienceMs: number): Promise<void> {
    if (!this.busy) return;
    const answered = this.#lastAnswer.catch(() => undefined);
    await Promise.race([answered, sleep(patienceMs, undefined, { ref: false })]);
  }

  /** Whether a request is being worked on. */
  get busy(): boolean {
    return this.#pending !== undefined;
  }

  load(spec: NetworkSpec, timeoutMs: number): Promise<NetworkInfo> {
    return this.#ask({ type: 'load', spec }, timeoutMs) as Promise<NetworkInfo>;
  }

  async unload(key: string, timeoutMs: number): Promise<void> {
    await this.#ask({ type: 'unload', key }, timeoutMs);
  }

  /** Renders views of a picture, whose bytes move to the lane: `picture.data` is empty afterwards. */
  render(picture: Picture, renderings: readonly Rendering[], timeoutMs: number): Promise<RenderReply> {
    const request: Request = { type: 'render', picture, renderings };
    return this.#ask(request, timeoutMs, [picture.data.buffer]) as Promise<RenderReply>;
  }

  /** Runs a network. The bytes of pictures among the inputs move to the lane. */
  run(key: string, inputs: readonly RunInput[], timeoutMs: number): Promise<RunReply> {
    const moved = inputs.flatMap((input) => ('picture' in input ? [input.picture.data.buffer] : []));
    return this.#ask({ type: 'run', key, inputs }, timeoutMs, moved) as Promise<RunReply>;
  }

  /** Ends the thread; a request being worked on fails with `lane_failed`. */
  async terminate(reason: string): Promise<void> {
    this.#die(reason);
    await this.#worker.terminate();
  }

  #ask(request: Request, timeoutMs: number, transfer: ArrayBuffer[] = []): Promise<unknown> {
    if (this.#dead !== undefined) return Promise.reject(laneFailed(this.#dead));
    if (this.#pending) throw new Error('a lane takes one request at a time');
    const id = ++this.#lastId;
    this.#lastAnswer = new Promise((resolve, reject) => {
      const timer = setTimeout(() => void this.terminate(`no answer within ${timeoutMs} ms`), timeoutMs);
      this.#pending = { id, resolve, reject, timer };
      this.#worker.postMessage({ id, ...request } satisfies LaneRequest, transfer);
    });
    return this.#lastAnswer;
  }

  #receive(reply: LaneReply): void {
    if (this.#pending?.id !== reply.id) return;
    const pending = this.#settle();
    if (reply.type === 'done') pending?.resolve(reply.result);
    else pending?.reject(errorOf(reply));
  }

  #settle(): Pending | undefined {
    const pending = this.#pending;
    this.#pending = undefined;
    clearTimeout(pending?.timer);
    return pending;
  }
}

function laneFailed(reason: string): MenagerieError {
  return new MenagerieError('lane_failed', 'The worker running the request failed and is being replaced; try again.', {
    cause: reason,
    retryAfterS: 1,
  });
}
