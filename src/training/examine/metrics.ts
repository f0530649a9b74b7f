import { at } from '../../core/at.js';
import { Evaluation, type EvaluationResult } from '../../core/scores/evaluation.js';
import { wilson } from '../../core/scores/wilson.js';

/** How well pictures were classified that were not trained on. Shares are 0..1; intervals are Wilson's of 95 %. */
export interface HeldOutMetrics {
  pictures: number;
  accuracy: number;
  interval: [low: number, high: number];
  /** Share of the largest class: the accuracy of always answering with it. */
  baseRate: number;
  /** Mean of the classes' recalls. */
  balancedAccuracy: number;
  /** Mean of -ln of the true class's probability. */
  logLoss: number;
  /** Expected calibration error. */
  calibrationError: number;
  /** The classes that have pictures. */
  classes: { index: number; pictures: number; recall: number; interval: [low: number, high: number] }[];
  confusion: EvaluationResult['confusion'];
}

/**
 * @param labels class of each picture
 * @param probabilities pictures x classes
 */
export function heldOutMetrics(labels: Int32Array, probabilities: Float32Array): HeldOutMetrics {
  const evaluation = new Evaluation();
  const width = probabilities.length / labels.length;
  for (const [picture, label] of labels.entries()) {
    const scores = probabilities.subarray(picture * width, (picture + 1) * width);
    evaluation.add(label, { scores });
  }
  const { images, top1, meanLoss, calibrationError, classes, confusion } = evaluation.result();
  const recalls = classes.map(({ index, images: pictures, top1: right }) => {
    const recall = right / pictures;
    return { index, pictures, recall, interval: wilson(recall, pictures) };
  });
  const sum = recalls.reduce((total, { recall }) => total + recall, 0);
  return {
    pictures: images,
    accuracy: top1,
    interval: wilson(top1, images),
    baseRate: Math.max(0, ...recalls.map(({ pictures }) => pictures)) / Math.max(1, images),
    balancedAccuracy: sum / Math.max(1, recalls.length),
    logLoss: meanLoss,
    calibrationError,
    classes: recalls,
    confusion,
  };
}

/** A picture whose label is doubtful. */
export interface SuspiciousLabel {
  /** Index of the picture. */
  picture: number;
  /** The most probable class. */
  answer: number;
  /** Probability of the class that it is labelled with, 0..1. */
  ofLabel: number;
  /** Probability of the most probable class, 0..1. */
  ofAnswer: number;
}

/**
 * The pictures whose labels are least probable to heads that did not see them, least probable first: their cross-validated loss is the
 * highest. Only those that another class is more probable for.
 * @param most how many at most
 */
export function suspiciousLabels(labels: Int32Array, probabilities: Float32Array, most: number): SuspiciousLabel[] {
  const width = probabilities.length / labels.length;
  const found: SuspiciousLabel[] = [];
  for (const [picture, label] of labels.entries()) {
    const own = probabilities.subarray(picture * width, (picture + 1) * width);
    let answer = 0;
    for (let c = 1; c < width; c++) if (at(own, c) > at(own, answer)) answer = c;
    if (answer !== label) found.push({ picture, answer, ofLabel: at(own, label), ofAnswer: at(own, answer) });
  }
  return found.sort((a, b) => a.ofLabel - b.ofLabel || a.picture - b.picture).slice(0, most);
}
