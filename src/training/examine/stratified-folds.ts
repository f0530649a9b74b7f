import { at } from '../../core/at.js';
import { createRandom } from '../../core/random.js';

/** A group of pictures that stay together, and how many it has of each class. */
interface Group {
  members: number[];
  counts: Map<number, number>;
}

/**
 * Divides pictures into folds of about equal size, each with about the same share of every class. Pictures of one group, such as
 * near-duplicates, come into the same fold: a test on a picture that was trained on would tell nothing. A group with more than half of a
 * class is divided all the same, or the class would be missing where it is tested. Greedy: large groups first, each into the fold
 * that has the fewest pictures of its classes.
 * @param labels class of each picture
 * @param groups group of each picture
 * @param k number of folds; if there are fewer groups, there are fewer folds
 * @param seed the same seed gives the same folds
 * @returns fold of each picture, 0 to k - 1
 */
export function stratifiedFolds(labels: Int32Array, groups: Int32Array, k: number, seed: number): Int32Array {
  const folds = new Int32Array(labels.length);
  const sizes = new Array<number>(k).fill(0);
  const classSizes = Array.from({ length: k }, () => new Map<number, number>());
  for (const { members, counts } of shuffled(groupsOf(labels, groups), seed)) {
    const crowd = (fold: number) => {
      let sum = 0;
      for (const [label, count] of counts) sum += count * (classSizes[fold]?.get(label) ?? 0);
      return sum / members.length;
    };
    let best = 0;
    for (let fold = 1; fold < k; fold++) {
      const difference = crowd(fold) - crowd(best);
      if (difference < 0 || (difference === 0 && at(sizes, fold) < at(sizes, best))) best = fold;
    }
    for (const picture of members) folds[picture] = best;
    sizes[best] = at(sizes, best) + members.length;
    const own = classSizes[best];
    for (const [label, count] of counts) own?.set(label, count + (own.get(label) ?? 0));
  }
  return folds;
}

function groupsOf(labels: Int32Array, groups: Int32Array): Group[] {
  const found = new Map<number, Group>();
  for (const [picture, name] of groups.entries()) {
    const group = found.get(name) ?? { members: [], counts: new Map<number, number>() };
    found.set(name, group);
    group.members.push(picture);
    const label = at(labels, picture);
    group.counts.set(label, (group.counts.get(label) ?? 0) + 1);
  }
  const totals = new Map<number, number>();
  for (const label of labels) totals.set(label, (totals.get(label) ?? 0) + 1);
  const isDivided = ({ members, counts }: Group) =>
    members.length > 1 && [...counts].some(([label, count]) => count > (totals.get(label) ?? 0) / 2);
  const alone = (picture: number) => ({ members: [picture], counts: new Map([[at(labels, picture), 1]]) });
  return [...found.values()].flatMap((group) => (isDivided(group) ? group.members.map(alone) : [group]));
}

/** In random order, but the larger before the smaller. */
function shuffled(groups: readonly Group[], seed: number): Group[] {
  const random = createRandom(seed);
  return groups
    .map((group) => ({ group, key: random.uniform(0, 1) }))
    .sort((a, b) => b.group.members.length - a.group.members.length || a.key - b.key)
    .map(({ group }) => group);
}
