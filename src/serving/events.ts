import type { ErrorCode } from '../core/errors.js';
import type { AnswerSource, Timings } from './answering/timings.js';
import type { ModelEvents } from './models/model-events.js';

/** What happens while serving. Metrics and logs listen; nothing in this room knows them. */
export interface ServingEvents extends ModelEvents {
  /** A request to classify was taken on for a model. */
  classifyStarted(model: string): void;
  /** A picture was answered. Timings are there where the answer was computed for it. */
  imageClassified(model: string, source: AnswerSource, timings: Timings | undefined): void;
  /** A picture was not answered. */
  imageFailed(model: string, code: ErrorCode): void;
}
