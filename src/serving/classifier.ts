import { type ErrorCode, MenagerieError, toMenagerieError } from '../core/errors.js';
import { Semaphore } from '../core/semaphore.js';
import { topK } from '../core/top-k.js';
import type { Decoded } from '../imaging/decode.js';
import type { LanePool } from '../runtime/lane-pool.js';
import type { Admission } from './admission.js';
import type { ServingEvents, Timings } from './events.js';
import type { ServedModel } from './model.js';
import type { ModelRegistry } from './model-registry.js';

/** A picture as it came: the file's bytes. */
export interface ImageFile {
  name: string | undefined;
  bytes: Uint8Array;
}

export interface ClassifyOptions {
  /** Default: the configured one, or the only one that serves. */
  model: string | undefined;
  /** How many classes to name. */
  topK: number;
  /** Whether EXIF orientation is applied. */
  autoOrient: boolean;
  /** Ends the request: what has not begun by then never does. Its reason is a MenagerieError. */
  signal: AbortSignal;
}

export interface Prediction {
  index: number;
  label: string;
  /** Probability, 0..1. */
  score: number;
}

/** What became of one picture. */
export type ImageResult = { name: string | undefined } & (
  | { width: number; height: number; format: string; predictions: Prediction[] }
  | { error: MenagerieError }
);

export interface Classification {
  model: ServedModel;
  results: ImageResult[];
  /** Sums over the pictures, in milliseconds. */
  timings: Timings;
}

export interface ClassifierOptions {
  registry: ModelRegistry;
  pool: LanePool;
  admission: Admission;
  decode(bytes: Uint8Array, autoOrient: boolean): Promise<Decoded>;
  defaultModel: string | undefined;
  events: ServingEvents;
}

/** The faults of one picture that leave the others of its request alone. */
const IMAGE_FAULTS: ReadonlySet<ErrorCode> = new Set([
  'empty_body',
  'not_an_image',
  'unsupported_image_format',
  'corrupt_image',
  'too_many_pixels',
  'lane_failed',
]);

/** From the bytes of pictures to class probabilities. */
export class Classifier {
  readonly #options: ClassifierOptions;
  /** Decoded pictures are large: only so many exist that every lane has one at hand and one to follow. */
  readonly #decoded: Semaphore;

  constructor(options: ClassifierOptions) {
    this.#options = options;
    this.#decoded = new Semaphore(2 * options.pool.size);
  }

  /**
   * Classifies the pictures that `receive` brings. It is called only when the model is ready and there is room in the
   * queue, so that an upload is not even read for nothing.
   *
   * One picture's fault is the request's error if it came alone, and stands among the results if others came with it.
   * @throws MenagerieError of the model (see ModelRegistry.use), `overloaded`, the signal's reason, `invalid_request`
   */
  async classify(options: ClassifyOptions, receive: () => Promise<ImageFile[]>): Promise<Classification> {
    const { registry, admission, events } = this.#options;
    const id = options.model ?? this.#defaultModel();
    return registry.use(id, async (model) => {
      admission.assertRoom(1);
      events.classifyStarted(model.id);
      const files = await receive();
      const release = admission.reserve(files.length);
      const timings: Timings = { decode: 0, queue: 0, preprocess: 0, inference: 0 };
      const outcomes = await Promise.allSettled(
        files.map((file) => this.#classifyOne(model, file, options, timings).finally(release)),
      );
      const results = outcomes.map((outcome, i): ImageResult => {
        if (outcome.status === 'fulfilled') return outcome.value;
        const error = toMenagerieError(outcome.reason);
        events.imageFailed(model.id, error.code);
        return { name: files[i]?.name, error };
      });
      // Only now, so that every picture has been counted.
      for (const result of results) {
        if ('error' in result && (files.length === 1 || !IMAGE_FAULTS.has(result.error.code))) throw result.error;
      }
      return { model, results, timings };
    });
  }

  #defaultModel(): string {
    const { defaultModel, registry } = this.#options;
    if (defaultModel !== undefined) return defaultModel;
    const [only, ...others] = registry.readyIds;
    if (only !== undefined && others.length === 0) return only;
    const what = only === undefined ? 'No model is ready.' : `Several models serve: ${registry.readyIds.join(', ')}.`;
    throw new MenagerieError('invalid_request', `${what} Name one with ?model=`);
  }

  async #classifyOne(
    model: ServedModel,
    file: ImageFile,
    { topK: k, autoOrient, signal }: ClassifyOptions,
    totals: Timings,
  ): Promise<ImageResult> {
    const { decode, pool, admission, events } = this.#options;
    const queued = performance.now();
    return this.#decoded.run(async () => {
      const started = performance.now();
      const picture = await decode(file.bytes, autoOrient);
      const decodeMs = performance.now() - started;
      const { width, height, format } = picture;
      const run = await pool.run(model.key, picture, signal);
      const timings = {
        decode: decodeMs,
        queue: started - queued + run.queueMs,
        preprocess: run.preprocessMs,
        inference: run.inferenceMs,
      };
      for (const stage of Object.keys(totals) as (keyof Timings)[]) totals[stage] += timings[stage];
      admission.observe(run.preprocessMs + run.inferenceMs);
      events.executed(model.id, model.variant, 1);
      events.imageClassified(model.id, timings);
      const predictions = topK(run.probabilities, k).map(({ index, score }) => ({
        index,
        label: model.folder.labels[index]?.name as string,
        score,
      }));
      return { name: file.name, width, height, format, predictions };
    }, signal);
  }
}
