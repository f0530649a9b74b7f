import type { ErrorCode } from '../core/errors.js';
import type { AnswerSource, Timings } from './answering/timings.js';
import type { ModelEvents } from './models/model-events.js';

/** Events of serving, for metrics and logs. */
export interface ServingEvents extends ModelEvents {
  /** A request to classify was admitted. @param model id of the model or ensemble */
  classifyStarted(model: string): void;
  /** A picture was answered. Timings are given if its answer was computed, not shared or cached. */
  imageClassified(model: string, source: AnswerSource, timings: Timings | undefined): void;
  /** A picture was not answered. */
  imageFailed(model: string, code: ErrorCode): void;
}
