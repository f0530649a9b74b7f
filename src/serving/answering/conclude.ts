import {
  type Agreement,
  agreement,
  type Combined,
  combineMembers,
  memberAnswer,
  type ScoreKind,
} from '../../core/scores/averaging.js';
import { viewMean } from '../../core/scores/multi-label.js';
import { topK } from '../../core/scores/top-k.js';
import type { Member, Target } from '../asking/target.js';

/** Scores of one member for all views. */
export interface MemberScores {
  member: Member;
  /** How often each view counts. */
  counts: readonly number[];
  /** views x classes, as the network gives them. */
  scores: Float32Array;
  /** How far each view is from all that the model knows; empty if its manifest does not state `unknown`. */
  distances: readonly number[];
}

/** The result of all members' scores. */
export interface Conclusion {
  combined: Combined;
  /** For an ensemble: the probabilities of each member. */
  members: readonly MemberProbabilities[];
  agreement: Agreement | undefined;
  /** Whether the picture is like nothing that was trained on; undefined if no model states how to tell. */
  unknown: boolean | undefined;
}

interface MemberProbabilities {
  id: string;
  weight: number;
  probabilities: Float32Array;
  /** The same for the member alone. */
  unknown: boolean | undefined;
}

/** Averages over the views of each member, and combines the members of an ensemble. */
export function conclude(
  scored: readonly MemberScores[],
  ensemble: Target['ensemble'],
  average: ScoreKind,
): Conclusion {
  if (!ensemble) {
    const [alone] = scored;
    if (!alone) throw new Error('no model answered');
    const { multi_label } = alone.member.model.folder.manifest.output;
    const scores = overViews(viewMean(multi_label), alone, average);
    return { combined: { scores }, members: [], agreement: undefined, unknown: isUnknown(alone) };
  }
  const answers = scored.map((each) => {
    const { model, weight } = each.member;
    return { id: model.id, weight, unknown: isUnknown(each), ...overViews(memberAnswer, each, average) };
  });
  const weights = answers.map(({ weight }) => weight);
  const combined = combineMembers(answers, weights, ensemble.combine);
  const members = answers.map(({ id, weight, unknown, probabilities }) => ({ id, weight, unknown, probabilities }));
  return { combined, members, agreement: agreementOf(combined, members), unknown: mostlyUnknown(members) };
}

/** A picture is known if one of its views is: the others may show less of it. */
function isUnknown({ member: { model }, distances }: MemberScores): boolean | undefined {
  const { unknown } = model.folder.manifest;
  return unknown && distances.length > 0 ? Math.min(...distances) > unknown.above : undefined;
}

/** Whether those members say so that have more than half of the weight of all that can tell. */
function mostlyUnknown(members: readonly MemberProbabilities[]): boolean | undefined {
  const telling = members.filter(({ unknown }) => unknown !== undefined);
  if (telling.length === 0) return undefined;
  const weightOf = (some: readonly MemberProbabilities[]) => some.reduce((sum, { weight }) => sum + weight, 0);
  return weightOf(telling.filter(({ unknown }) => unknown)) > weightOf(telling) / 2;
}

/** How much the members agree with their combined answer. */
export function agreementOf({ scores, tieBreak }: Combined, members: readonly MemberProbabilities[]): Agreement {
  const [winner] = topK(scores, 1, tieBreak);
  const probabilities = members.map((member) => member.probabilities);
  const weights = members.map(({ weight }) => weight);
  return agreement(probabilities, weights, winner?.index ?? 0);
}

type Average<T> = (
  scores: Float32Array,
  classes: number,
  counts: readonly number[],
  kind: ScoreKind,
  average: ScoreKind,
) => T;

function overViews<T>(mean: Average<T>, { member: { model }, counts, scores }: MemberScores, average: ScoreKind): T {
  const { kind } = model.folder.manifest.output;
  return mean(scores, model.info.classes, counts, kind, average);
}
