import { MenagerieError } from '../../core/errors.js';
import type { Combine } from '../../core/scores/combine.js';
import type { EnsembleRequest } from './asked.js';

/**
 * Reads an ensemble from a query or a command line.
 * @param models ids, separated by commas
 * @param weights one number for each id, separated by commas; default: all equal
 * @throws MenagerieError `invalid_request`. Whether the models suit each other is checked later (see Targets.hold)
 */
export function parseEnsembleRequest(
  models: string,
  weights: string | undefined,
  combine: Combine = 'probabilities',
  minMembers?: number,
): EnsembleRequest {
  const ids = models.split(',').filter((id) => id !== '');
  const parts = weights?.split(',') ?? ids.map(() => '1');
  const members = ids.map((model, i) => ({ model, weight: parseWeight(parts[i]) }));
  if (parts.length !== ids.length || members.some(({ weight }) => weight === 0)) {
    throw new MenagerieError('invalid_request', `weights must be ${ids.length} numbers above 0, such as 1,0.5`);
  }
  return { members, combine, minMembers: minMembers ?? members.length };
}

/** The weight; 0 if it is missing or not a number in the accepted form. */
function parseWeight(text = ''): number {
  return /^\d{1,6}(\.\d{1,6})?$/.test(text) ? Number(text) : 0;
}
