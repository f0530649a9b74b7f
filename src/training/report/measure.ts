import { Evaluation } from '../../core/scores/evaluation.js';
import { wilson } from '../../core/scores/wilson.js';
import type { MeasuredShare, Measures } from './report-parts.js';

/**
 * How well pictures were answered that were not trained on.
 * @param labels class of each picture
 * @param probabilities pictures x classes
 */
export function measuresOf(classes: readonly string[], labels: Int32Array, probabilities: Float32Array): Measures {
  const evaluation = new Evaluation();
  for (const [picture, label] of labels.entries()) {
    const scores = probabilities.subarray(picture * classes.length, (picture + 1) * classes.length);
    evaluation.add(label, { scores });
  }
  const result = evaluation.result();
  const tested = new Map(result.classes.map(({ index, images, top1 }) => [index, { images, recall: top1 / images }]));
  const [largest] = result.classes.toSorted((a, b) => b.images - a.images || a.index - b.index);
  const recalls = [...tested.values()].reduce((sum, { recall }) => sum + recall, 0);
  return {
    images: result.images,
    accuracy: measuredShare(result.top1, result.images),
    base_rate: {
      label: classes[largest?.index ?? 0] ?? '',
      value: (largest?.images ?? 0) / Math.max(1, result.images),
    },
    balanced_accuracy: recalls / Math.max(1, tested.size),
    log_loss: result.meanLoss,
    calibration_error: result.calibrationError,
    classes: classes.map((_, index) => {
      const found = tested.get(index);
      return { images: found?.images ?? 0, recall: found ? measuredShare(found.recall, found.images) : null };
    }),
    confusion: result.confusion,
  };
}

/** A share with its 95 % interval. */
function measuredShare(value: number, count: number): MeasuredShare {
  const [low, high] = wilson(value, count);
  return { value, low, high };
}
