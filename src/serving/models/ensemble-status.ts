import { MenagerieError } from '../../core/errors.js';
import type { EnsembleFile } from '../../zoo/repository.js';
import type { ModelStatus } from './model.js';

/** The state of an ensemble: ready if enough of its members are, else the state of the first member that is not ready. */
export function ensembleStatus({ id, ensemble, labels }: EnsembleFile, members: readonly ModelStatus[]): ModelStatus {
  const others = members.filter(({ state }) => state !== 'ready');
  const [first] = others;
  const ready = members.length - others.length >= ensemble.min_members;
  return {
    id,
    ensemble,
    state: ready || !first ? 'ready' : first.state,
    reason: first && others.map((member) => `Member "${member.id}" is ${member.state}.`).join(' '),
    manifest: undefined,
    labels,
    pulled: [],
    served: undefined,
    lone: undefined,
  };
}

/** The error for a request to an ensemble that only a single model can answer. */
export function notOneModel(ensembles: ReadonlyMap<string, EnsembleFile>, id: string): MenagerieError {
  const members = ensembles.get(id)?.ensemble.members.map(({ model }) => model) ?? [];
  return new MenagerieError(
    'invalid_request',
    `"${id}" is an ensemble; ask for one of its members: ${members.join(', ')}.`,
  );
}
