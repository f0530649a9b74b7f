import { MenagerieError } from '../../core/errors.js';
import type { Combine } from '../../core/scores/ensemble.js';
import type { EnsembleRequest } from './asked.js';

/**
 * An ensemble as a query or a command line names it.
 * @param models ids, by commas
 * @param weights a number for each of them, by commas; default: all equal
 * @throws MenagerieError `invalid_request`; whether the models go together is seen when they are used
 */
export function parseEnsembleRequest(
  models: string,
  weights: string | undefined,
  combine: Combine = 'probabilities',
  minMembers?: number,
): EnsembleRequest {
  const ids = models.split(',').filter((id) => id !== '');
  const parts = weights?.split(',') ?? ids.map(() => '1');
  const numbers = parts.map((part) => (/^\d{1,6}(\.\d{1,6})?$/.test(part) ? Number(part) : 0));
  if (parts.length !== ids.length || !numbers.every((number) => number > 0)) {
    throw new MenagerieError('invalid_request', `weights must be ${ids.length} numbers above 0, such as 1,0.5`);
  }
  const members = ids.map((model, i) => ({ model, weight: numbers[i] as number }));
  return { members, combine, minMembers: minMembers ?? members.length };
}
