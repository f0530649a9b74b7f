import type { HeadWeights } from '../../onnx/cut/head-file.js';
import type { TakeStep, TrainTensor } from '../protocol/steps.js';
import { crossValidate } from './cross-validate.js';
import { checkHeadTask, type HeadResult, type HeadTask } from './head-task.js';
import { learningCurve } from './learning-curve.js';
import { trainingRows } from './pictures.js';

/** Share of the time that choosing takes; the rest is the learning curve's. */
const CHOOSING = 0.7;
/** Of the gradient of the head that is kept: as well as float32 can tell the minimum. */
const TOLERANCE = 1e-5;

/**
 * Trains a head: softmax regression on standardised features, whose L2 is chosen by cross-validation, and if asked for whether a
 * hidden layer comes before it.
 * @param take takes a step in the trainer
 * @param onProgress gets the share done, 0..1
 * @throws MenagerieError `invalid_data` for pictures of one class only and for features that are not numbers; what `take` throws
 */
export async function trainHead(
  take: TakeStep,
  task: HeadTask,
  onProgress: (share: number) => void,
): Promise<HeadResult> {
  checkHeadTask(task);
  const { features, size, views, labels, classes, seed } = task;
  const rowLabels = new Int32Array(labels.length * views).map((_, row) => labels[Math.floor(row / views)] ?? 0);
  await take({ kind: 'head/open', size, classes }, [features, rowLabels]);
  const { best, candidates, heldOut } = await crossValidate(take, task, (share) => onProgress(CHOOSING * share));
  const curve = await learningCurve(take, task, { best, heldOut }, (share) =>
    onProgress(CHOOSING + (1 - CHOOSING) * share),
  );
  const { l2, hidden } = best;
  const all = trainingRows(
    labels.map((_, picture) => picture),
    task,
  );
  const fit = { kind: 'head/fit', name: 'all', l2, hidden, warm: false, seed, tolerance: TOLERANCE } as const;
  await take(fit, [all.rows, all.weights, new Int32Array()]);
  const { tensors } = await take({ kind: 'head/weights', name: 'all' });
  onProgress(1);
  return { head: headOf(tensors, classes, hidden), l2, hidden, candidates, heldOut, learningCurve: curve };
}

function headOf(tensors: readonly TrainTensor[], classes: number, units: number): HeadWeights {
  const [weights, bias, unitWeights, unitBias] = tensors.map(({ values }) => values);
  if (!weights || !bias) throw new Error('the trainer gave no weights');
  const last = { classes, weights, bias };
  return unitWeights && unitBias ? { ...last, hidden: { units, weights: unitWeights, bias: unitBias } } : last;
}
