import type { Pieces } from '../../core/byte-source.js';
import { MenagerieError } from '../../core/errors.js';
import type { BatchItem } from '../../core/queues/batcher.js';
import type { Flow } from '../../core/queues/fair-queue.js';
import type { StopSignal } from '../../core/queues/stop-signal.js';
import type { Ask, PictureFacts, RunInput, TensorInfo } from './protocol/calls.js';
import type { Bytes } from './protocol/frame.js';

/** Who a job belongs to, what it is expected to take, and when it is no longer wanted. */
export interface Turn {
  /** Flows take turns. */
  flow: Flow;
  /** Cost of the job, in the unit that all flows use. */
  cost: number;
  /** Milliseconds that the job is expected to take. */
  ms: number;
  /** Ends the wait: a job that has not begun when it aborts never does. */
  signal: StopSignal;
}

/** A picture's file. */
export interface PictureFile {
  bytes: Uint8Array | Pieces;
  /** Whether decoding takes so much that the worker reserved for light pictures must not do it. */
  heavy: boolean;
}

/** Scores of the rows of an input, and the time they took. */
export interface RunResult {
  /** rows x classes, as the network gives them; rows x features if those were wanted. */
  scores: Float32Array<ArrayBuffer>;
  /** How far each row is from all that is known, for networks whose manifest states `unknown`. */
  distances: Float32Array<ArrayBuffer> | undefined;
  normaliseMs: number;
  inferenceMs: number;
}

/** The result of a picture that one worker decoded, rendered and ran. */
export interface PictureResult extends RunResult {
  picture: PictureFacts;
  /** How often each row counts. */
  counts: number[];
}

/** A picture's views, for each rendering that was asked for. */
export interface Rendered {
  picture: PictureFacts;
  renderings: { pixels: Uint8Array<ArrayBuffer>; counts: number[] }[];
}

/** A tensor and its values: little-endian, row by row. */
export interface TensorBytes extends TensorInfo {
  bytes: Uint8Array;
}

type InputOf<K extends RunInput['kind']> = Extract<RunInput, { kind: K }>;

/** The kinds of jobs: their work, as data, and their results. */
interface Jobs {
  views: { work: { input: InputOf<'views'>; part: Bytes }; result: RunResult };
  picture: { work: { input: InputOf<'picture'>; part: Bytes }; result: PictureResult };
  render: { work: { ask: Ask<'render'>; part: Bytes }; result: Rendered };
  compute: { work: { ask: Ask<'compute'>; parts: readonly Uint8Array[] }; result: TensorBytes[] };
}
type JobKind = keyof Jobs;

/** Where a job goes, and with which others. */
export interface JobPlace {
  /** Name of the network; '' if it needs none. */
  network: string;
  /** Only jobs of one key share a batch: those whose networks share a session. */
  key: string;
  /** Rows that it takes of a batch. */
  rows: number;
  /** Jobs with equal views take their rows only once. */
  views?: string | undefined;
}

/** Work that waits for a worker or is being done by one. */
export class Job<K extends JobKind> implements BatchItem {
  readonly kind: K;
  readonly network: string;
  readonly key: string;
  readonly rows: number;
  readonly views: string | undefined;
  readonly enqueued = performance.now();
  readonly work: Jobs[K]['work'];
  readonly heavy: boolean;
  readonly flow: Flow;
  readonly cost: number;
  readonly ms: number;
  readonly done: Promise<Jobs[K]['result']>;
  /** Whether it was in a batch that a worker was lost with. */
  sentAgain = false;
  alone: boolean;
  #settled = false;
  #resolve: (result: Jobs[K]['result']) => void = () => {};
  #reject: (error: unknown) => void = () => {};
  #unfollow = () => {};

  /** @param heavy whether a worker reserved for light pictures must not do it */
  constructor(
    kind: K,
    { network, key, rows, views }: JobPlace,
    work: Jobs[K]['work'],
    { flow, cost, ms }: Turn,
    heavy = false,
  ) {
    this.kind = kind;
    this.network = network;
    this.key = key;
    this.rows = rows;
    this.views = views;
    this.work = work;
    this.flow = flow;
    this.cost = cost;
    this.ms = ms;
    this.heavy = heavy;
    // A batch of heavy pictures would hold all of their files at once.
    this.alone = heavy;
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Whether it was resolved or rejected. */
  get settled(): boolean {
    return this.#settled;
  }

  /** Rejects the job when the signal aborts, then calls `onAbort`. Work that has begun is not interrupted. */
  follow(signal: StopSignal, onAbort: () => void): void {
    const abort = () => {
      this.reject(signal.reason);
      onAbort();
    };
    signal.addEventListener('abort', abort, { once: true });
    this.#unfollow = () => signal.removeEventListener('abort', abort);
  }

  resolve(result: Jobs[K]['result']): void {
    this.#settled = true;
    this.#unfollow();
    this.#resolve(result);
  }

  reject(error: unknown): void {
    this.#settled = true;
    this.#unfollow();
    this.#reject(error);
  }
}

/** A job of any kind; `kind` tells which. */
export type AnyJob = { [K in JobKind]: Job<K> }[JobKind];

/** Jobs of one kind and key that a worker gets together. */
export interface Batch {
  jobs: readonly [AnyJob, ...AnyJob[]];
  /** Whether the network's instance for lone requests runs it. */
  lone: boolean;
  /** Takes the batch back from a worker that has not begun it; undefined before it is sent. */
  takeBack?: () => void;
}

/** The error for work for a network that no worker holds. */
export function inNoWorker(): MenagerieError {
  return new MenagerieError('model_not_loaded', 'The model is not loaded.');
}
