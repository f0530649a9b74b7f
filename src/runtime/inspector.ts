import { Worker } from 'node:worker_threads';
import { MenagerieError } from '../core/errors.js';
import { Semaphore } from '../core/semaphore.js';
import type { Summary } from '../onnx/summary.js';
import { errorOf, type Failure } from './protocol.js';

/** A file to look into. */
export interface InspectRequest {
  file: string;
  /** Shape of the input; default: the file's own, for one picture. */
  inputShape: readonly number[] | undefined;
  /** Whether to measure milliseconds. */
  timing: boolean;
}

/** Measured milliseconds, medians. */
export interface LayerTimings {
  /** The whole network, fully optimised, as it is served. */
  totalMs: number;
  /** By layer, with such optimisations as leave layers apart; what the runtime has optimised away is missing. */
  layerMs: Record<string, number>;
}

/** What there is to know of an ONNX file. */
export interface Inspection {
  summary: Summary;
  opsets: Record<string, number>;
  producer: string;
  irVersion: number;
  /** Whether the file says that its weights mean nothing. */
  untrained: boolean;
  fileBytes: number;
  timings: LayerTimings | undefined;
}

export type InspectReply = { type: 'done'; inspection: Inspection } | Failure;

/** Files that may wait; a summary takes about a second. */
const MAX_PENDING = 16;

/** Looks into ONNX files, one at a time, each in a thread of its own that ends with it. */
export class Inspector {
  readonly #script: URL;
  readonly #timeoutMs: number;
  readonly #maxPending: number;
  readonly #oneAtATime = new Semaphore(1);
  #pending = 0;

  /** @param script entry file of the worker; @param maxPending files that may wait */
  constructor(script: URL, timeoutMs: number, maxPending = MAX_PENDING) {
    this.#script = script;
    this.#timeoutMs = timeoutMs;
    this.#maxPending = maxPending;
  }

  /**
   * @throws MenagerieError `not_onnx`, `cyclic_graph`, `unsupported_opset`, `unsupported_operator`, `invalid_network`,
   *   `invalid_input_shape`, `lane_failed` where the thread died or took too long, `overloaded`
   */
  async inspect(request: InspectRequest): Promise<Inspection> {
    if (this.#pending >= this.#maxPending) {
      throw new MenagerieError(
        'overloaded',
        `${this.#maxPending} files are waiting to be looked into; try again later.`,
        {
          retryAfterS: 5,
        },
      );
    }
    this.#pending++;
    try {
      return await this.#oneAtATime.run(() => this.#run(request));
    } finally {
      this.#pending--;
    }
  }

  async #run(request: InspectRequest): Promise<Inspection> {
    const worker = new Worker(this.#script, { workerData: request, name: 'inspect' });
    try {
      const reply = await new Promise<InspectReply>((resolve, reject) => {
        const fail = (reason: string) =>
          reject(new MenagerieError('lane_failed', 'The thread looking into the file failed.', { cause: reason }));
        const timer = setTimeout(() => fail(`no answer within ${this.#timeoutMs} ms`), this.#timeoutMs);
        worker.once('message', resolve);
        worker.once('error', (error) => fail(String(error)));
        worker.once('exit', (code) => {
          clearTimeout(timer);
          fail(`exited with code ${code}`);
        });
      });
      if (reply.type === 'done') return reply.inspection;
      throw errorOf(reply);
    } finally {
      void worker.terminate();
    }
  }
}
