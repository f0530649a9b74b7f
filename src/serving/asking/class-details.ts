import { GROUP_LEVELS, type GroupLevel } from '../../core/scores/grouping.js';
import { type Label, type LabelNames, namesIn } from '../../zoo/labels.js';
import { lineageOf } from '../../zoo/wordnet.js';
import { groupNamesOf } from './grouping.js';

/** All that is known of a class. */
export interface ClassDetails extends LabelNames {
  index: number;
  /** The names after the first. */
  synonyms: string[];
  wnid: string | undefined;
  /** What WordNet says about it; undefined if it is not in the tree. */
  wordnet: { parents: { wnid: string; name: string }[]; groups: Record<GroupLevel, string> } | undefined;
}

/** The details of each class, in index order. */
export function classDetails(labels: readonly Label[]): ClassDetails[] {
  return labels.map((label, index) => {
    const { name, shortName, wnid, synset } = label;
    const [, ...synonyms] = namesIn(name);
    const [, ...parents] = synset ? lineageOf(synset) : [];
    const [basic, broad] = GROUP_LEVELS.map((level) => groupNamesOf(label, level)?.shortName);
    const known = basic !== undefined && broad !== undefined;
    const wordnet = known
      ? { parents: parents.map(({ wnid, name }) => ({ wnid, name })), groups: { basic, broad } }
      : undefined;
    return { index, name, shortName, synonyms, wnid, wordnet };
  });
}
