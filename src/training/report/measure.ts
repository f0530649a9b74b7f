import { at } from '../../core/at.js';
import { wilson } from '../../core/scores/wilson.js';
import { heldOutMetrics } from '../examine/metrics.js';
import type { MeasuredShare, Measures } from './report-parts.js';

/** A share with its 95 % interval. @param share 0..1 */
export function measuredShare(share: number, count: number): MeasuredShare {
  const [low, high] = wilson(share, count);
  return { value: share, low, high };
}

/**
 * How well pictures were answered that were not trained on.
 * @param labels class of each picture
 * @param probabilities pictures x classes
 */
export function measuresOf(classes: readonly string[], labels: Int32Array, probabilities: Float32Array): Measures {
  const metrics = heldOutMetrics(labels, probabilities);
  const byIndex = new Map(metrics.classes.map((one) => [one.index, one]));
  const [largest] = metrics.classes.toSorted((a, b) => b.pictures - a.pictures || a.index - b.index);
  return {
    images: metrics.pictures,
    accuracy: measuredShare(metrics.accuracy, metrics.pictures),
    base_rate: { label: classes[largest?.index ?? 0] ?? '', value: metrics.baseRate },
    balanced_accuracy: metrics.balancedAccuracy,
    log_loss: metrics.logLoss,
    calibration_error: metrics.calibrationError,
    classes: classes.map((_, index) => {
      const found = byIndex.get(index);
      return {
        images: found?.pictures ?? 0,
        recall: found ? measuredShare(found.recall, found.pictures) : null,
      };
    }),
    confusion: metrics.confusion,
  };
}

/** A picture's answer: the most probable class, and the probabilities of it and of the picture's own. */
export interface HeldOutAnswer {
  picture: number;
  answer: number;
  probability: number;
  ofLabel: number;
}

/** The answer of each picture. @param probabilities pictures x classes */
export function answersOf(labels: Int32Array, probabilities: Float32Array): HeldOutAnswer[] {
  const classes = probabilities.length / labels.length;
  return [...labels].map((label, picture) => {
    const own = probabilities.subarray(picture * classes, (picture + 1) * classes);
    let answer = 0;
    for (let c = 1; c < classes; c++) if (at(own, c) > at(own, answer)) answer = c;
    return { picture, answer, probability: at(own, answer), ofLabel: at(own, label) };
  });
}
