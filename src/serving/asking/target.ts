import { MenagerieError } from '../../core/errors.js';
import type { Crops } from '../../core/manifest/crops.js';
import type { Label } from '../../zoo/labels.js';
import type { ServedModel } from '../models/model.js';
import type { EnsembleRequest } from './asked.js';

/** A network that answers. */
export interface Member {
  model: ServedModel;
  weight: number;
  /** What it is shown unless the request says otherwise. */
  crops: Crops;
}

/** A network that cannot answer, and why. */
export interface Missing {
  id: string;
  error: MenagerieError;
}

/** Who answers a request. */
export interface Target {
  /** Id of the model or ensemble; `ensemble` where the request put one together. */
  id: string;
  /** Whether the id is that of a model or file, not made up for a request's ensemble. */
  named: boolean;
  /** Why it is this one, where the request named none. */
  because: string | undefined;
  /** Undefined for a network alone. */
  ensemble: EnsembleRequest | undefined;
  members: readonly Member[];
  missing: readonly Missing[];
  labels: readonly Label[];
}

/** The error of a member as that of the ensemble. */
export function memberError({ id, error: { code, message, cause, retryAfterS } }: Missing): MenagerieError {
  const options = { cause, ...(retryAfterS === undefined ? {} : { retryAfterS }) };
  return new MenagerieError(code, `Member "${id}": ${message}`, options);
}
