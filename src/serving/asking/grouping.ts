import { MenagerieError } from '../../core/errors.js';
import type { GroupLevel } from '../../core/scores/grouping.js';
import type { Label, LabelNames } from '../../zoo/labels.js';
import { groupsOf } from '../../zoo/wordnet.js';
import type { Target } from './target.js';

/** Groups of classes: every class is in exactly one. */
export interface Grouping {
  groups: readonly LabelNames[];
  /** Index of the group of each class. */
  groupOf: readonly number[];
}

/** By label file and level, because each is needed for many requests. */
const known = new WeakMap<readonly Label[], Map<GroupLevel, Grouping>>();

/**
 * The groups of a target's classes. A class that is in no group of that level is one by itself.
 * @throws MenagerieError `invalid_request` if a class is not in WordNet's tree
 */
export function groupingOf({ id, labels }: Pick<Target, 'id' | 'labels'>, level: GroupLevel): Grouping {
  const levels = known.get(labels) ?? new Map<GroupLevel, Grouping>();
  known.set(labels, levels);
  const grouping = levels.get(level) ?? newGrouping(id, labels, level);
  levels.set(level, grouping);
  return grouping;
}

function newGrouping(id: string, labels: readonly Label[], level: GroupLevel): Grouping {
  const groups = new Map<string, { index: number; names: LabelNames }>();
  const groupOf = labels.map((label) => {
    const names = groupNamesOf(label, level);
    if (!names) {
      throw new MenagerieError(
        'invalid_request',
        `"${id}" has no groups: its class "${label.shortName}" has no place in WordNet's tree.`,
      );
    }
    const { index } = groups.get(names.shortName) ?? { index: groups.size };
    groups.set(names.shortName, { index, names });
    return index;
  });
  return { groups: [...groups.values()].map(({ names }) => names), groupOf };
}

/** The group of a class, or the class itself if it is in none; undefined if it is not in WordNet's tree. */
export function groupNamesOf({ name, shortName, synset }: Label, level: GroupLevel): LabelNames | undefined {
  if (!synset) return undefined;
  const group = groupsOf(synset)[level];
  return group === undefined ? { name, shortName } : { name: group, shortName: group };
}
