import { channelsOf } from '../../core/manifest/color-order.js';
import type { ScoreKind } from '../../core/scores/averaging.js';
import { assertViewOptions, countViews, type ViewOptions } from '../../core/views/test-time.js';
import { type Geometry, geometryOf } from '../../core/views/views.js';
import { type Cost, type ReadingSpeed, sumOf } from '../cost/cost.js';
import { viewCosts } from '../cost/view-costs.js';
import { type Grouping, groupingOf } from './grouping.js';
import type { Question } from './question.js';
import type { Member, Target } from './target.js';

/** Members that see the same views, because their geometry and view options are equal. */
interface PlannedGroup {
  geometry: Geometry;
  viewOptions: ViewOptions;
  /** Maximum number of views of a picture: equal ones are rendered once. */
  views: number;
  members: readonly Member[];
}

/** How the pictures of a request are answered. One plan serves all of them. */
export interface Plan {
  target: Target;
  /** Whether pictures are turned as their metadata say. */
  autoOrient: boolean;
  /** What is averaged over the views. */
  average: ScoreKind;
  groups: readonly PlannedGroup[];
  /** Cost of running the networks for one picture. */
  cost: Cost;
  /** Maximum number of bytes of the views of a picture. */
  viewBytes: number;
  /** Equal exactly if two plans give the same answer for the same picture, before its scores are summed over groups. */
  key: string;
  /** Undefined if the scores of classes are wanted. */
  grouping: Grouping | undefined;
}

/**
 * Plans how a target answers a question.
 * @throws MenagerieError `invalid_request` if the view options do not suit a member, or the classes have no groups
 */
export function planFor(question: Question, target: Target): Plan {
  const { crops, augmentation, seed, drawn, autoOrient, average, group } = question;
  const groups = new Map<string, PlannedGroup & { members: Member[] }>();
  const allOptions: ViewOptions[] = [];
  for (const member of target.members) {
    const { model } = member;
    const viewOptions: ViewOptions = { crops: crops ?? member.crops, augmentation, seed, drawn };
    const geometry = geometryOf(model.folder.manifest);
    assertViewOptions(geometry.resize, viewOptions);
    const views = countViews(viewOptions);
    allOptions.push(viewOptions);
    const key = JSON.stringify([geometry, viewOptions]);
    const planned = groups.get(key) ?? { geometry, viewOptions, views, members: [] };
    planned.members.push(member);
    groups.set(key, planned);
  }
  const planned = [...groups.values()];
  const cost = sumOf(planned.flatMap(costsOfGroup));
  const viewBytes = planned.reduce((sum, { geometry: { input, color }, views }) => {
    return sum + views * input.width * input.height * channelsOf(color);
  }, 0);
  const key = planKey(target, allOptions, autoOrient, average);
  const grouping = group && groupingOf(target, group);
  return { target, autoOrient, average, groups: planned, cost, viewBytes, key, grouping };
}

function costsOfGroup({ members, views }: PlannedGroup): Cost[] {
  return viewCosts(members.map(({ model }) => model)).map(({ gmacs, ms }) => ({
    gmacs: views * gmacs,
    ms: views * ms,
  }));
}

function planKey(
  { members, missing, ensemble }: Target,
  allOptions: readonly ViewOptions[],
  autoOrient: boolean,
  average: ScoreKind,
): string {
  const answering = members.map(({ model: { key, version }, weight }, i) => [key, version, weight, allOptions[i]]);
  const rule = ensemble && [ensemble.combine, ensemble.minMembers];
  return JSON.stringify([autoOrient, average, answering, missing.map(({ id }) => id), rule]);
}

/** Cost of one picture: decoding it once, and running every network on each view. @param reading cost of decoding and rendering */
export function costOfPicture({ cost }: Plan, reading: Cost): Cost {
  return sumOf([reading, cost]);
}

/** Milliseconds in which an idle server answers one ordinary picture, its views spread over the workers. */
export function expectedMs({ groups, cost }: Plan, workers: number, speed: ReadingSpeed): number {
  const viewMs = groups.flatMap(({ members }) => members.map(({ model }) => model.viewMs));
  return speed.costOf().ms + Math.max(cost.ms / workers, ...viewMs);
}
