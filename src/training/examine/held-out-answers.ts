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

/** Answers count as sure from this share of the probability that the surest tenth has. */
const SURE = 0.9;
/** So few wrong answers a person can look at. */
const FEW = 24;

/**
 * The pictures whose labels are doubtful. If few are answered wrongly, these are they; else those of them for which another class is as
 * probable as the surest answers are. So not every error is doubted where the classes are hard to tell apart, and wrong labels are found
 * although they make all answers less sure. The least probable label, which has the highest cross-validated loss, comes first.
 * @param labels class of each picture
 * @param probabilities pictures x classes
 */
export function suspiciousLabels(labels: Int32Array, probabilities: Float32Array): HeldOutAnswer[] {
  const classes = probabilities.length / labels.length;
  const surest = Array.from(labels, (_, picture) =>
    Math.max(...probabilities.subarray(picture * classes, (picture + 1) * classes)),
  ).sort((a, b) => a - b);
  const least = SURE * (surest[Math.floor(0.9 * surest.length)] ?? 1);
  const wrong = wrongAnswers(labels, probabilities);
  return wrong
    .filter(({ probability }) => wrong.length <= FEW || probability >= least)
    .toSorted((a, b) => a.ofLabel - b.ofLabel || a.picture - b.picture);
}
