import type { answerJson } from '../../http/rest/answer-json.js';
import type { Target } from '../../serving/asking/target.js';
import type { SidecarNames } from '../../sidecars/sidecar.js';

/** Which labels become keywords, and where they are written. */
export interface KeywordOptions {
  names: SidecarNames;
  /** Least score of a label that becomes a keyword. */
  minScore: number;
}

/** The keywords for an answer: short names of the classes that are certain enough; none for a picture of something unknown. */
export function keywordsOf({ predictions, unknown }: ReturnType<typeof answerJson>, minScore: number): string[] {
  if (unknown) return [];
  return predictions.filter(({ score }) => score >= minScore).map(({ short_name }) => short_name);
}

/** The networks that gave an answer. */
export function modelText({ members }: Target): string {
  return members.map(({ model: { id, variant, version } }) => `${id} ${variant} ${version}`).join(', ');
}
