import { MenagerieError } from '../../core/errors.js';
import { variantsOf } from '../../core/manifest/manifest.js';
import type { ModelStatus } from './model.js';

/** `Retry-After` in seconds for a model that is being loaded. */
export const LOADING_RETRY_S = 2;

/** The error for a request to a model that does not serve. */
export function whyNotServed({ id, state, reason, manifest }: ModelStatus): MenagerieError {
  switch (state) {
    case 'loading':
    case 'warming':
      return new MenagerieError('model_not_ready', `Model "${id}" is ${state}; try again shortly.`, {
        retryAfterS: LOADING_RETRY_S,
      });
    case 'failed':
    case 'refused':
      return new MenagerieError('model_failed', `Model "${id}" cannot serve: ${reason}`);
    case 'not_pulled': {
      const hint = manifest && variantsOf(manifest).some(([, { url }]) => url);
      const advice = hint ? ` Fetch them with: menagerie pull ${id}` : '';
      return new MenagerieError('model_not_pulled', `The weights of model "${id}" are not on this machine.${advice}`);
    }
    default:
      return notLoaded(id);
  }
}

/** The error for a model that is not loaded. */
export function notLoaded(id: string): MenagerieError {
  return new MenagerieError('model_not_loaded', `Model "${id}" is not loaded.`);
}
