import type { Pieces } from '../../core/byte-source.js';
import { MenagerieError } from '../../core/errors.js';
import type { BatchItem } from '../../core/queues/batcher.js';
import type { Flow } from '../../core/queues/fair-queue.js';
import type { Ask, PictureFacts, RunInput, TensorInfo } from './protocol/calls.js';
import type { Bytes } from './protocol/frame.js';

/** Whose work it is, and when it is not wanted any more. */
export interface Turn {
  /** Takes turns with others. */
  flow: Flow;
  /** Cost of the work, in the unit that all share. */
  cost: number;
  /** Milliseconds that it is expected to take. */
  ms: number;
  /** Ends the waiting: what has not started by then never does. */
  signal: AbortSignal;
}

/** A picture's file, and whether decoding it takes so much that the worker kept for small ones must not. */
export interface PictureFile {
  bytes: Uint8Array | Pieces;
  heavy: boolean;
}

/** Scores of the rows of an input, and what they took. */
export interface RunResult {
  /** rows x classes, as the network gives them. */
  scores: Float32Array<ArrayBuffer>;
  normaliseMs: number;
  inferenceMs: number;
}

/** The same of a picture that one worker has done whole. */
export interface PictureResult extends RunResult {
  picture: PictureFacts;
  /** How often each row counts. */
  counts: number[];
}

/** A picture's views, rendered for each of several geometries. */
export interface Rendered {
  picture: PictureFacts;
  renderings: { pixels: Uint8Array<ArrayBuffer>; counts: number[] }[];
}

/** A tensor and its values: little-endian, row by row. */
export interface TensorBytes extends TensorInfo {
  bytes: Uint8Array;
}

/** What a worker is to do, as data. */
export type Work =
  | { kind: 'run'; input: RunInput; part: Bytes }
  | { kind: 'render'; ask: Ask<'render'>; part: Bytes }
  | { kind: 'compute'; ask: Ask<'compute'>; parts: readonly Uint8Array[] };

/** Work that waits for a worker or is in its hands. */
export class Job implements BatchItem {
  readonly key: string;
  readonly rows: number;
  readonly enqueued = performance.now();
  readonly work: Work;
  readonly heavy: boolean;
  readonly flow: Flow;
  readonly cost: number;
  readonly ms: number;
  /** Its result or error. */
  readonly done: Promise<unknown>;
  /** Whether a worker has died of it, or of something that was with it. */
  sentAgain = false;
  alone: boolean;
  #settled = false;
  #resolve: (result: unknown) => void = () => {};
  #reject: (error: unknown) => void = () => {};
  #unfollow = () => {};

  constructor(key: string, rows: number, work: Work, { flow, cost, ms }: Turn, heavy = false) {
    this.key = key;
    this.rows = rows;
    this.work = work;
    this.flow = flow;
    this.cost = cost;
    this.ms = ms;
    this.heavy = heavy;
    // A batch of large pictures would hold all of their files at once.
    this.alone = heavy;
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Whether nobody waits for it any more. */
  get settled(): boolean {
    return this.#settled;
  }

  /** Rejects when the signal aborts; what has begun by then is not stopped. */
  follow(signal: AbortSignal, onAbort: () => void): void {
    const abort = () => {
      this.reject(signal.reason);
      onAbort();
    };
    signal.addEventListener('abort', abort, { once: true });
    this.#unfollow = () => signal.removeEventListener('abort', abort);
  }

  resolve(result: unknown): void {
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

/** Jobs of one kind and key that a worker has in hand together. */
export interface Batch {
  jobs: readonly Job[];
  /** Takes it back from a worker that has not begun with it; undefined before it is sent. */
  takeBack?: () => void;
}

/** The error for work of a network that no worker holds. */
export function inNoWorker(): MenagerieError {
  return new MenagerieError('model_not_loaded', 'The model is not loaded.');
}
