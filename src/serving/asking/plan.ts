import { channelsOf } from '../../core/manifest/color-order.js';
import type { ScoreKind } from '../../core/scores/averaging.js';
import { assertViewOptions, countViews, type ViewOptions } from '../../core/views/test-time.js';
import { type Geometry, geometryOf } from '../../core/views/views.js';
import { type Cost, type ReadingSpeed, sumOf } from '../cost/cost.js';
import type { Question } from './question.js';
import type { Member, Target } from './target.js';

/** Members that see the same views: networks of one geometry with the same view options. */
interface PlannedGroup {
  geometry: Geometry;
  viewOptions: ViewOptions;
  /** Views of a picture, at most: equal ones are rendered once. */
  views: number;
  members: readonly Member[];
}

/** How a request's pictures are answered: made once, the same for all of them. */
export interface Plan {
  target: Target;
  /** Whether EXIF orientation is applied. */
  autoOrient: boolean;
  /** What is averaged over the views of a picture. */
  average: ScoreKind;
  groups: readonly PlannedGroup[];
  /** What the networks take for one picture. */
  cost: Cost;
  /** Bytes that the views of a picture take, at most. */
  viewBytes: number;
  /** Equal for plans that give equal pictures equal answers, and only for these. */
  key: string;
}

/**
 * Plans how a question is answered by those who were found for it.
 * @throws MenagerieError `invalid_request` where the view options do not suit a member
 */
export function planFor({ crops, augmentation, seed, autoOrient, average }: Question, target: Target): Plan {
  const groups = new Map<string, PlannedGroup & { members: Member[] }>();
  const allOptions: ViewOptions[] = [];
  const cost: Cost = { gmacs: 0, ms: 0 };
  for (const member of target.members) {
    const { model } = member;
    const viewOptions = { crops: crops ?? member.crops, augmentation, seed };
    const geometry = geometryOf(model.folder.manifest);
    assertViewOptions(geometry.resize, viewOptions);
    const views = countViews(viewOptions);
    allOptions.push(viewOptions);
    cost.gmacs += views * model.gmacs;
    cost.ms += views * model.viewMs;
    const key = JSON.stringify([geometry, viewOptions]);
    const group = groups.get(key) ?? { geometry, viewOptions, views, members: [] };
    group.members.push(member);
    groups.set(key, group);
  }
  const planned = [...groups.values()];
  const viewBytes = planned.reduce((sum, { geometry: { input, color }, views }) => {
    return sum + views * input.width * input.height * channelsOf(color);
  }, 0);
  const key = planKey(target, allOptions, autoOrient, average);
  return { target, autoOrient, average, groups: planned, cost, viewBytes, key };
}

function planKey(
  { members, missing, ensemble }: Target,
  allOptions: readonly ViewOptions[],
  autoOrient: boolean,
  average: ScoreKind,
): string {
  const who = members.map(({ model: { key, version }, weight }, i) => [key, version, weight, allOptions[i]]);
  const rule = ensemble && [ensemble.combine, ensemble.minMembers];
  return JSON.stringify([autoOrient, average, who, missing.map(({ id }) => id), rule]);
}

/** Cost of one picture: it is decoded once, and every network runs on each of its views. @param reading of decoding it */
export function costOfPicture({ cost }: Plan, reading: Cost): Cost {
  return sumOf([reading, cost]);
}

/** Milliseconds until one ordinary picture is answered by an idle server: its views are spread over the workers. */
export function expectedMs({ groups, cost }: Plan, workers: number, speed: ReadingSpeed): number {
  const viewMs = groups.flatMap(({ members }) => members.map(({ model }) => model.viewMs));
  return speed.costOf().ms + Math.max(cost.ms / workers, ...viewMs);
}
