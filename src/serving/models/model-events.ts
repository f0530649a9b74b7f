import type { MenagerieError } from '../../core/errors.js';
import type { VariantName } from '../../core/manifest/variant.js';
import type { LoneInstance } from '../../runtime/workers/lone-instances.js';
import type { ModelState, ServedModel } from './model.js';

/** Events of models. */
export interface ModelEvents {
  /** The network of a model ran once, on so many views. @param lone whether on its instance for lone requests */
  executed(model: string, variant: VariantName, batchSize: number, lone: boolean): void;
  modelStateChanged(model: string, state: ModelState, reason: string | undefined): void;
  /** A model was loaded and serves. @param loadMs duration of the load */
  modelLoaded(model: ServedModel, loadMs: number): void;
  /** A model got an instance for lone requests, or an error says why it has none. */
  loneInstance(model: string, outcome: LoneInstance | MenagerieError): void;
  /** A model is not there any more. */
  modelRemoved(model: string): void;
}
