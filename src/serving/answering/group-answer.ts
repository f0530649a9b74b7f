import { sumByGroup } from '../../core/scores/grouping.js';
import type { Grouping } from '../asking/grouping.js';
import type { Answer } from './answerer.js';
import { agreementOf } from './conclude.js';

/** The answer with the scores of groups instead of classes. Those of an ensemble were averaged before they are summed. */
export function groupAnswer(answer: Answer, grouping: Grouping | undefined): Answer {
  if (!grouping) return answer;
  const sum = (scores: Float32Array) => sumByGroup(scores, grouping.groupOf, grouping.groups.length);
  const { scores, tieBreak } = answer.combined;
  const combined = { scores: sum(scores), ...(tieBreak ? { tieBreak: sum(tieBreak) } : {}) };
  const members = answer.members.map((member) => ({ ...member, probabilities: sum(member.probabilities) }));
  return { ...answer, combined, members, agreement: answer.agreement && agreementOf(combined, members) };
}
