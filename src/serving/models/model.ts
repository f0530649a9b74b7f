import type { Manifest } from '../../core/manifest/manifest.js';
import type { VariantName } from '../../core/manifest/variant.js';
import type { Ensemble } from '../../core/scores/ensemble.js';
import type { NetworkInfo } from '../../runtime/networks/network-spec.js';
import type { LoneInstance } from '../../runtime/workers/lone-instances.js';
import type { Label } from '../../zoo/labels.js';
import type { ModelFolder } from '../../zoo/repository.js';

/** The states of a model. Only a `ready` model answers. */
export const MODEL_STATES = [
  'not_pulled',
  'unloaded',
  'loading',
  'warming',
  'ready',
  'draining',
  'failed',
  'refused',
] as const;
export type ModelState = (typeof MODEL_STATES)[number];

/** A loaded model. */
export interface ServedModel {
  id: string;
  variant: VariantName;
  /** The first twelve hex digits of the SHA-256 of the weights. */
  version: string;
  /** Name of the network in the workers. */
  key: string;
  folder: ModelFolder;
  info: NetworkInfo;
  /** Billions of multiply-accumulates for one view of a picture. */
  gmacs: number;
  /** Expected milliseconds for one view: a moving average of runs. */
  viewMs: number;
}

/** The current state of a model or ensemble. */
export interface ModelStatus {
  id: string;
  /** Set for an ensemble, whose `manifest` and `served` are undefined and whose `pulled` is empty. */
  ensemble: Ensemble | undefined;
  state: ModelState;
  /** Why it failed, was refused, or could not be reloaded. */
  reason: string | undefined;
  manifest: Manifest | undefined;
  labels: readonly Label[];
  /** The variants whose weights are on disk. */
  pulled: VariantName[];
  served: ServedModel | undefined;
  /** Its instance for lone requests. */
  lone: LoneInstance | undefined;
}
