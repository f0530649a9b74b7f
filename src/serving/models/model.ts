import type { Manifest, VariantName } from '../../core/manifest/manifest.js';
import type { Ensemble } from '../../core/scores/ensemble.js';
import type { NetworkInfo } from '../../runtime/networks/network-spec.js';
import type { Label } from '../../zoo/labels.js';
import type { ModelFolder } from '../../zoo/repository.js';

/** Where a model stands. `ready` models answer; the others say why they don't. */
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
  /** Milliseconds for one view, learned from what the workers take. */
  viewMs: number;
}

/** A model or ensemble as it stands now. */
export interface ModelStatus {
  id: string;
  /** For an ensemble; its manifest is undefined, and nothing of it is pulled or served but its members. */
  ensemble: Ensemble | undefined;
  state: ModelState;
  /** Why it failed, was refused, or could not be reloaded. */
  reason: string | undefined;
  manifest: Manifest | undefined;
  labels: readonly Label[];
  /** The variants whose weights are on disk. */
  pulled: VariantName[];
  served: ServedModel | undefined;
}
