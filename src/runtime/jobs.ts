import type { BatchItem } from '../core/batcher.js';
import { MenagerieError } from '../core/errors.js';
import type { Flow } from '../core/fair-queue.js';
import type { Picture } from '../core/picture.js';
import type { Lane } from './lane.js';
import { errorOf, type Rendering, type RunInput, type SharedPixels } from './protocol.js';

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

/** Pixels of a picture's renderings, and how they came about. */
export interface RenderResult {
  pixels: SharedPixels[];
  queueMs: number;
  preprocessMs: number;
}

/** What working takes besides the lane. */
export interface WorkOptions {
  runTimeoutMs: number;
  events: LaneEvents;
}

interface Settler<T> {
  resolve(result: T): void;
  reject(error: unknown): void;
}

/** A piece of work that waits for a lane. */
export type Job = RenderJob | RunJob;

let lastPixels = 0;

/** Something that waits, and is given up when a signal says so. */
class Waiting<T> {
  readonly enqueued = performance.now();
  readonly #settler: Settler<T>;
  #unfollow = () => {};

  constructor(settler: Settler<T>) {
    this.#settler = settler;
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

  resolve(result: T): void {
    this.#unfollow();
    this.#settler.resolve(result);
  }

  reject(error: unknown): void {
    this.#unfollow();
    this.#settler.reject(error);
  }
}

/** Views of a picture to be rendered; any lane can do it. */
export class RenderJob extends Waiting<RenderResult> implements BatchItem {
  readonly key = undefined;
  readonly rows = 1;
  readonly #picture: Picture;
  readonly #renderings: readonly Rendering[];

  constructor(settler: Settler<RenderResult>, picture: Picture, renderings: readonly Rendering[]) {
    super(settler);
    this.#picture = picture;
    this.#renderings = renderings;
  }

  async work(lane: Lane, _jobs: readonly Job[], { runTimeoutMs }: WorkOptions): Promise<void> {
    const queueMs = performance.now() - this.enqueued;
    const { pixels, preprocessMs } = await lane.render(this.#picture, this.#renderings, runTimeoutMs);
    this.resolve({
      pixels: pixels.map((data, i) => ({
        id: ++lastPixels,
        data,
        rows: (this.#renderings[i] as Rendering).views.length,
      })),
      queueMs,
      preprocessMs,
    });
  }
}

/** An input to run a network on, alone or together with others of the same network. */
export class RunJob extends Waiting<RunResult> implements BatchItem {
  readonly key: string;
  readonly rows: number;
  readonly #input: RunInput;

  constructor(settler: Settler<RunResult>, key: string, input: RunInput) {
    super(settler);
    this.key = key;
    this.rows = 'picture' in input ? input.views.length : input.rows;
    this.#input = input;
  }

  /** @param jobs all of the batch, itself among them */
  async work(lane: Lane, jobs: readonly Job[], { runTimeoutMs, events }: WorkOptions): Promise<void> {
    const started = performance.now();
    const batch = jobs as readonly RunJob[];
    const inputs = batch.map((job) => job.#input);
    const { outcomes, preprocessMs, inferenceMs } = await lane.run(this.key, inputs, runTimeoutMs);
    const rows = batch.reduce((sum, job) => sum + job.rows, 0);
    events.executed(this.key, rows, inferenceMs);
    for (const [i, job] of batch.entries()) {
      const outcome = outcomes[i];
      if (outcome?.type === 'scores') {
        job.resolve({ scores: outcome.scores, queueMs: started - job.enqueued, preprocessMs, inferenceMs });
      } else {
        job.reject(outcome ? errorOf(outcome) : new MenagerieError('internal', 'The lane gave no answer.'));
      }
    }
  }
}

export function notLoaded(): MenagerieError {
  return new MenagerieError('model_not_loaded', 'The model is not loaded.');
}

export function shuttingDown(): MenagerieError {
  return new MenagerieError('shutting_down', 'The server is stopping.', { retryAfterS: 5 });
}
