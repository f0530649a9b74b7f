import { at } from '../../core/at.js';

/** The answer for a picture from heads that did not see it. */
export interface HeldOutAnswer {
  /** Index of the picture. */
  picture: number;
  /** The most probable class. */
  answer: number;
  /** Its probability, 0..1. */
  probability: number;
  /** Probability of the class that the picture is labelled with, 0..1. */
  ofLabel: number;
}

/**
 * The pictures for which another class is more probable than their own.
 * @param labels class of each picture
 * @param probabilities pictures x classes
 */
export function wrongAnswers(labels: Int32Array, probabilities: Float32Array): HeldOutAnswer[] {
  const classes = probabilities.length / labels.length;
  return [...labels].flatMap((label, picture) => {
    const own = probabilities.subarray(picture * classes, (picture + 1) * classes);
    let answer = 0;
    for (let c = 1; c < classes; c++) if (at(own, c) > at(own, answer)) answer = c;
    return answer === label ? [] : [{ picture, answer, probability: at(own, answer), ofLabel: at(own, label) }];
  });
}

/** The pictures whose labels are doubtful: the least probable label, which has the highest cross-validated loss, comes first. */
export function suspiciousLabels(wrong: readonly HeldOutAnswer[]): HeldOutAnswer[] {
  return wrong.toSorted((a, b) => a.ofLabel - b.ofLabel || a.picture - b.picture);
}
