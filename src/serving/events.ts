import type { ErrorCode } from '../core/errors.js';
import type { VariantName } from '../core/manifest.js';
import type { ModelState, ServedModel } from './model.js';

/** Milliseconds that one picture, or the pictures of one request together, spent in each stage. */
export interface Timings {
  decode: number;
  queue: number;
  preprocess: number;
  inference: number;
}

/** Where an answer came from: a computation of its own, one that another request had begun, or the cache. */
export type AnswerSource = 'computed' | 'shared' | 'cached';

/** What happens while serving. Metrics and logs listen; nothing in this room knows them. */
export interface ServingEvents {
  /** A request to classify was taken on for a model. */
  classifyStarted(model: string): void;
  /** A picture was answered. Timings are there where the answer was computed for it. */
  imageClassified(model: string, source: AnswerSource, timings: Timings | undefined): void;
  /** A picture was not answered. */
  imageFailed(model: string, code: ErrorCode): void;
  /** A network ran once, on so many views of pictures. */
  executed(model: string, variant: VariantName, batchSize: number): void;
  modelStateChanged(model: string, state: ModelState, reason: string | undefined): void;
  /** A model is in the lanes and serves; `loadMs` until then. */
  modelLoaded(model: ServedModel, loadMs: number): void;
}
