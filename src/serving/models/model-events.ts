import type { VariantName } from '../../core/manifest/variant.js';
import type { ModelState, ServedModel } from './model.js';

/** Events of models. */
export interface ModelEvents {
  /** The network of a model ran once, on so many views. */
  executed(model: string, variant: VariantName, batchSize: number): void;
  modelStateChanged(model: string, state: ModelState, reason: string | undefined): void;
  /** A model was loaded and serves. @param loadMs duration of the load */
  modelLoaded(model: ServedModel, loadMs: number): void;
  /** A model is not there any more. */
  modelRemoved(model: string): void;
}
