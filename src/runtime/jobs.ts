import type { BatchItem } from '../core/batcher.js';
import { MenagerieError } from '../core/errors.js';
import type { Flow } from '../core/fair-queue.js';
import type { Lane } from './lane.js';
import { type RunInput, rowsOf } from './pixels.js';
import { errorOf } from './protocol.js';

/** What happens in the lanes, for metrics and logs. */
export interface LaneEvents {
  /** A lane worked for so many milliseconds. */
  laneBusy(lane: number, ms: number): void;
  /** A lane ran a network once, on so many rows; whether anyone still waited for them does not matter. */
  executed(key: string, rows: number, inferenceMs: number): void;
  /** A lane died and is being replaced. */
  laneReplaced(lane: number, reason: string): void;
  /** A network could not be loaded into the replacement of a lane; `remaining` others still hold it. */
  networkLost(key: string, reason: string, remaining: number): void;
}

/** Whose work it is, and when it is not wanted any more. */
export interface Turn {
  /** Takes turns with others. */
  flow: Flow;
  /** Price of the work, in the unit that all share. */
  cost: number;
  /** Ends the waiting: what has not started by then never does. */
  signal: AbortSignal;
}

/** Scores of the rows of an input, and how they came about. */
export interface RunResult {
  /** rows x classes, as the network gives them. */
  scores: Float32Array<ArrayBuffer>;
  queueMs: number;
  preprocessMs: number;
  inferenceMs: number;
}

/** What working takes besides the lane. */
export interface WorkOptions {
  runTimeoutMs: number;
  events: LaneEvents;
}

interface Settler {
  resolve(result: RunResult): void;
  reject(error: unknown): void;
}

/** An input to run a network on, alone or together with others of the same network, as soon as a lane is free for it. */
export class RunJob implements BatchItem {
  readonly key: string;
  readonly rows: number;
  readonly enqueued = performance.now();
  readonly #settler: Settler;
  readonly #input: RunInput;
  #unfollow = () => {};

  constructor(settler: Settler, key: string, input: RunInput) {
    this.#settler = settler;
    this.key = key;
    this.rows = input.rows;
    this.#input = input;
  }

  /** Rejects when the signal aborts; what has begun by then is not stopped. */
  follow(signal: AbortSignal, onAbort: () => void): void {
    const abort = () => {
      onAbort();
      this.reject(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    this.#unfollow = () => signal.removeEventListener('abort', abort);
  }

  reject(error: unknown): void {
    this.#unfollow();
    this.#settler.reject(error);
  }

  /** Runs all of a batch, of which this is one. */
  async work(lane: Lane, batch: readonly RunJob[], { runTimeoutMs, events }: WorkOptions): Promise<void> {
    const started = performance.now();
    const inputs = batch.map((job) => rowsOf(job.#input));
    const { outcomes, preprocessMs, inferenceMs } = await lane.run(this.key, inputs, runTimeoutMs);
    const rows = batch.reduce((sum, job) => sum + job.rows, 0);
    events.executed(this.key, rows, inferenceMs);
    for (const [i, job] of batch.entries()) {
      const outcome = outcomes[i];
      if (outcome?.type === 'scores') {
        job.#resolve({ scores: outcome.scores, queueMs: started - job.enqueued, preprocessMs, inferenceMs });
      } else {
        job.reject(outcome ? errorOf(outcome) : new MenagerieError('internal', 'The lane gave no answer.'));
      }
    }
  }

  #resolve(result: RunResult): void {
    this.#unfollow();
    this.#settler.resolve(result);
  }
}

export function notLoaded(): MenagerieError {
  return new MenagerieError('model_not_loaded', 'The model is not loaded.');
}

export function shuttingDown(): MenagerieError {
  return new MenagerieError('shutting_down', 'The server is stopping.', { retryAfterS: 5 });
}
