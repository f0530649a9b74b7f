import type { Combine } from '../../core/scores/combine.js';
import type { Repository } from '../../zoo/repository.js';

/** An ensemble, as a request or a file describes it. */
export interface EnsembleRequest {
  members: readonly { model: string; weight: number }[];
  combine: Combine;
  /** Number of members that must answer. The others may fail, and are then listed as missing. */
  minMembers: number;
}

/** The model or ensemble that a request names. */
export type Asked =
  /** Id of a model or of a named ensemble; undefined: the default. */
  { model: string | undefined } | { ensemble: EnsembleRequest };

/** Ids of the models that a request names; none for the default. */
export function membersOf({ ensembles }: Repository, asked: Asked): string[] {
  if ('ensemble' in asked) return asked.ensemble.members.map(({ model }) => model);
  if (asked.model === undefined) return [];
  return ensembles.get(asked.model)?.ensemble.members.map(({ model }) => model) ?? [asked.model];
}
