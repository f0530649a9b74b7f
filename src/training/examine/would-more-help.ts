import { asPercent } from '../../core/units.js';
import type { LearningCurvePoint } from '../head/head-task.js';

/** What the learning curve says about more pictures. */
export interface MorePictures {
  help: 'yes' | 'little' | 'unclear';
  /** The same in plain words, as a sentence. */
  reason: string;
}

/** Accuracy that doubling the pictures must have gained lately, to say that doubling them again would help. */
const WORTH_IT = 0.01;
/** A point stands for half the pictures of the last if it has at most this share of them. */
const HALF = 0.6;
/** With so few pictures, the intervals say little. */
const LEAST_WIDTH = 0.2;

/**
 * Whether more pictures would help: how much the accuracy rose when the pictures were last doubled.
 * @param curve by pictures of a class, ascending
 */
export function wouldMoreHelp(curve: readonly LearningCurvePoint[]): MorePictures {
  const last = curve.at(-1);
  const half = curve.findLast(({ perClass }) => perClass <= HALF * (last?.perClass ?? 0));
  if (!last || !half) return { help: 'unclear', reason: 'There are too few pictures to say whether more would help.' };
  const gain = last.accuracy - half.accuracy;
  const rise = `accuracy went from ${asPercent(half.accuracy)} with ${half.perClass} pictures of a class to ${asPercent(last.accuracy)} with ${last.perClass}`;
  if (gain >= WORTH_IT) return { help: 'yes', reason: `More pictures would probably help: ${rise}.` };
  if (last.high - last.low > LEAST_WIDTH) {
    return { help: 'unclear', reason: `There are too few pictures to say whether more would help: ${rise}.` };
  }
  return {
    help: 'little',
    reason: `More pictures like these would help little: ${rise}. Wrong labels, and kinds of pictures that are missing, matter more.`,
  };
}
