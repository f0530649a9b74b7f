import { MenagerieError } from '../../core/errors.js';
import type { Crops } from '../../core/manifest/crops.js';
import type { Label } from '../../zoo/labels.js';
import type { ServedModel } from '../models/model.js';
import type { EnsembleRequest } from './asked.js';

/** A model that answers. */
export interface Member {
  model: ServedModel;
  weight: number;
  /** Crops, if the request does not say. */
  crops: Crops;
}

/** A member that cannot answer, and why. */
export interface Missing {
  id: string;
  error: MenagerieError;
}

/** The models that answer a request. */
export interface Target {
  /** Id of the model or named ensemble; `ensemble` for an ensemble that the request describes. */
  id: string;
  /** False for an ensemble that the request describes. */
  named: boolean;
  /** Why this model was chosen, if the request named none. */
  because: string | undefined;
  /** Undefined if the target is a single model. */
  ensemble: EnsembleRequest | undefined;
  members: readonly Member[];
  missing: readonly Missing[];
  labels: readonly Label[];
  /** Sizes of the features of a picture, if these are what it answers with. */
  featureShape?: readonly number[] | undefined;
}

/** The error of a member, as an error of the ensemble. */
export function memberError({ id, error: { code, message, cause, retryAfterS } }: Missing): MenagerieError {
  const options = { cause, ...(retryAfterS === undefined ? {} : { retryAfterS }) };
  return new MenagerieError(code, `Member "${id}": ${message}`, options);
}
