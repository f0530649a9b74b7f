import { missing } from '../../core/at.js';
import { MenagerieError } from '../../core/errors.js';
import type { HeadWeights } from '../../onnx/cut/head-file.js';

/** Pictures, as features of a frozen network, to train a head on. */
export interface HeadTask {
  /** rows x size, the views of a picture one after the other, its plain view first. */
  features: Float32Array;
  /** Features of a row. */
  size: number;
  /** Rows of each picture. Heads are trained on all of them, and tested on the plain ones. */
  views: number;
  /** Class of each picture. */
  labels: Int32Array;
  classes: number;
  /** Fold of each picture, 0 to k - 1. */
  folds: Int32Array;
  /** Whether classes count equally, however many pictures they have; otherwise pictures do. */
  weighted: boolean;
  /** Strengths of L2 regularisation to choose from. */
  l2: readonly number[];
  /** Sizes of a hidden layer to choose from, besides none. */
  hidden: readonly number[];
  seed: number;
}

/** The cross-validated loss of one choice. */
export interface HeadCandidate {
  l2: number;
  /** Units; 0: no hidden layer. */
  hidden: number;
  /** Mean of -ln of the true class's probability; if the classes are weighted, mean over classes. */
  logLoss: number;
}

/** Accuracy after training on so many pictures. */
export interface LearningCurvePoint {
  /** Pictures of each class, or all where a class has fewer. */
  perClass: number;
  /** 0..1 */
  accuracy: number;
  /** Wilson's 95 % interval, 0..1. */
  low: number;
  high: number;
}

export interface HeadResult {
  /** For plain features: the standardisation is folded in. */
  head: HeadWeights;
  l2: number;
  hidden: number;
  candidates: HeadCandidate[];
  /** Probabilities of each picture by a head that was trained without its fold: pictures x classes. */
  heldOut: Float32Array;
  learningCurve: LearningCurvePoint[];
}

/** The strengths that are tried if nobody asks for others. */
export const L2_STRENGTHS = [10, 3, 1, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003] as const;

/** @throws MenagerieError `invalid_data` naming what cannot be trained on */
export function checkHeadTask({ features, size, views, labels, classes, folds, l2, hidden }: HeadTask): void {
  const pictures = labels.length;
  if (features.length !== pictures * views * size || folds.length !== pictures) {
    throw new Error(
      `${features.length} features and ${folds.length} folds for ${pictures} pictures of ${views} x ${size}`,
    );
  }
  if (l2.length === 0 || !l2.every((strength) => strength > 0)) throw refused('L2 must be above 0');
  if (!hidden.every((units) => Number.isInteger(units) && units > 0))
    throw refused('a hidden layer has 1 unit or more');
  if (labels.some((label) => label < 0 || label >= classes)) throw new Error(`a label is not below ${classes}`);
  const occurring = new Set(labels).size;
  if (occurring < 2) throw refused(`at least 2 classes need pictures, and ${occurring} has any`);
  if (new Set(folds).size < 2) throw refused('cross-validation needs pictures in at least 2 folds');
  for (let i = 0; i < features.length; i++) {
    if (Number.isFinite(features[i] ?? missing(i))) continue;
    throw refused(`the network gives features that are not numbers for picture ${Math.floor(i / (views * size)) + 1}`);
  }
}

function refused(why: string): MenagerieError {
  return new MenagerieError('invalid_data', `No head can be trained: ${why}.`);
}
