import type { Combine } from '../../core/scores/combine.js';
import type { Repository } from '../../zoo/repository.js';

/** An ensemble, as a request or a file describes it. */
export interface EnsembleRequest {
  members: readonly { model: string; weight: number }[];
  combine: Combine;
  /** Number of members that must answer. The others may fail, and are then listed as missing. */
  minMembers: number;
}

/** Which features of pictures a request wants, in place of scores. */
interface FeaturesRequest {
  /** Name of a layer, or of a tensor, whose values are the features; undefined: the input of the last layer with weights. */
  layer: string | undefined;
}

/** The model or ensemble that a request names. */
export type Asked =
  /** Id of a model or of a named ensemble; undefined: the default. Only a single model has features. */
  { model: string | undefined; features?: FeaturesRequest } | { ensemble: EnsembleRequest };

/** Ids of the models that a request names; none for the default. */
export function membersOf({ ensembles }: Repository, asked: Asked): string[] {
  if ('ensemble' in asked) return asked.ensemble.members.map(({ model }) => model);
  if (asked.model === undefined) return [];
  return ensembles.get(asked.model)?.ensemble.members.map(({ model }) => model) ?? [asked.model];
}
