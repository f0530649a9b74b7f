import type { Combine } from '../../core/scores/ensemble.js';
import type { Repository } from '../../zoo/repository.js';

/** Networks that are to answer together, as a request or a file names them. */
export interface EnsembleRequest {
  members: readonly { model: string; weight: number }[];
  combine: Combine;
  /** Answers are given while so many members can; the others are then named as missing. */
  minMembers: number;
}

/** Who is asked. */
export type Asked =
  /** Id of a model or of a named ensemble; undefined: the default. */
  { model: string | undefined } | { ensemble: EnsembleRequest };

/** Ids of the models that are asked. */
export function membersOf({ ensembles }: Repository, asked: Asked): string[] {
  if ('ensemble' in asked) return asked.ensemble.members.map(({ model }) => model);
  if (asked.model === undefined) return [];
  return ensembles.get(asked.model)?.ensemble.members.map(({ model }) => model) ?? [asked.model];
}
