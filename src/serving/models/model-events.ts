import type { VariantName } from '../../core/manifest/manifest.js';
import type { ModelState, ServedModel } from './model.js';

/** What happens to models. */
export interface ModelEvents {
  /** A network ran once, on so many views of pictures. */
  executed(model: string, variant: VariantName, batchSize: number): void;
  modelStateChanged(model: string, state: ModelState, reason: string | undefined): void;
  /** A model is in the workers and serves; `loadMs` until then. */
  modelLoaded(model: ServedModel, loadMs: number): void;
}
