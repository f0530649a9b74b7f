import { at } from '../../core/at.js';
import { createRandom } from '../../core/random.js';
import { softmax } from '../../core/scores/activation.js';
import { accuracyOf, logLoss, pictureWeights } from '../head/pictures.js';
import type { StepAnswer, TakeStep } from '../protocol/steps.js';
import { ahead } from './ahead.js';
import { checkTailTask, type TailEpoch, type TailResult, type TailTask } from './tail-task.js';
import { calmingScale } from './temperature.js';

const BATCH = 32;
/** Batches that are read while the trainer works on others. */
const READ_AHEAD = 2;
/** Steps that wait in the trainer, so that it begins the next at once. */
const SENT_AHEAD = 1;
/** Of Adam. Batch normalisation is folded into the weights: ten times as much destroys the network in an epoch. */
const LEARNING_RATE = 2e-4;
/** Share of the steps in which the rate rises to that. */
const WARM_UP = 0.1;

/**
 * Trains the last layers of a network with a new head, and keeps them only if they classify held-out pictures better (by their loss)
 * than the network as it was with the same head. Logits are scaled so that this loss is least, before training too: otherwise the
 * loss would be that of being too sure, and hide that more answers are right.
 * @param take takes a step in the trainer
 * @param onProgress gets the share done, 0..1
 * @throws MenagerieError `invalid_data`, `not_trainable`; what `take` and the source of activations throw
 */
export async function trainTail(
  take: TakeStep,
  task: TailTask,
  onProgress: (share: number) => void,
): Promise<TailResult> {
  checkTailTask(task);
  const startedAt = performance.now();
  const { base, cut, head, classes, training, epochs: count, seed } = task;
  await take({ kind: 'tail/open', base, cut, classes }, [head.weights, head.bias]);
  const random = createRandom(seed);
  const steps = count * Math.ceil(training.length / BATCH);
  const epochs: TailEpoch[] = [];
  let best: { index: number; tested: Tested } | undefined;
  let [done, waitedMs] = [0, 0];
  for (let index = 0; index <= count; index++) {
    const losses: number[] = [];
    if (index > 0) {
      for await (const { facts } of trainEpoch(take, task, index - 1, shuffled(training, random), (step) =>
        learningRate((done + step + 0.5) / steps),
      )) {
        losses.push(facts.loss ?? Number.NaN);
        waitedMs += facts.waitedMs ?? 0;
        onProgress((done + losses.length) / steps);
      }
      done += losses.length;
    }
    const tested = await testHeldOut(take, task);
    const { logLoss, accuracy } = tested;
    const trainingLoss = index > 0 ? losses.reduce((sum, loss) => sum + loss, 0) / losses.length : undefined;
    epochs.push({ trainingLoss, logLoss, accuracy });
    if (best && !(logLoss < best.tested.logLoss)) continue;
    best = { index, tested };
    await take({ kind: 'tail/keep' });
  }
  if (!best) throw new Error('nothing was tested');
  const trained = best.index > 0 ? await keptTail(take, classes, best.tested.scale) : undefined;
  const tookMs = performance.now() - startedAt;
  return { epochs, best: best.index, heldOut: best.tested.probabilities, trained, waitedMs, tookMs };
}

/**
 * Sends the batches of an epoch.
 * @param rate the learning rate, by the step of the epoch
 */
function trainEpoch(
  take: TakeStep,
  { activations, labels, classes, training, weighted }: TailTask,
  epoch: number,
  order: Int32Array,
  rate: (step: number) => number,
): AsyncGenerator<StepAnswer> {
  const weights = pictureWeights(
    training.map((picture) => at(labels, picture)),
    weighted,
  );
  const weightOf = new Map(Array.from(training, (picture, i) => [picture, at(weights, i)]));
  const read = ahead(batchesOf(order).entries(), READ_AHEAD, async ([step, pictures]) => {
    const targets = new Float32Array(pictures.length * classes);
    for (const [i, picture] of pictures.entries()) {
      targets[i * classes + at(labels, picture)] = weightOf.get(picture) ?? 1;
    }
    return { step, targets, values: await activations.read(pictures, epoch) };
  });
  return ahead(read, SENT_AHEAD, ({ step, targets, values }) =>
    take({ kind: 'tail/step', learningRate: rate(step) }, [values, targets]),
  );
}

/** What the held-out pictures say of the weights of now. */
interface Tested {
  /** Factor for the logits (see temperature.ts). */
  scale: number;
  /** With this factor: held-out pictures x classes. */
  probabilities: Float32Array;
  logLoss: number;
  accuracy: number;
}

async function testHeldOut(
  take: TakeStep,
  { activations, heldOut, labels: all, classes, weighted }: TailTask,
): Promise<Tested> {
  const labels = heldOut.map((picture) => at(all, picture));
  const logits = new Float32Array(heldOut.length * classes);
  let offset = 0;
  const read = ahead(batchesOf(heldOut), READ_AHEAD, (pictures) => activations.read(pictures, undefined));
  for await (const { tensors } of ahead(read, SENT_AHEAD, (values) => take({ kind: 'tail/logits' }, [values]))) {
    const own = tensors[0]?.values ?? new Float32Array();
    logits.set(own, offset);
    offset += own.length;
  }
  const scale = calmingScale(labels, logits, pictureWeights(labels, weighted));
  const probabilities = new Float32Array(logits.length);
  for (let row = 0; row < logits.length; row += classes) {
    probabilities.set(softmax(logits.subarray(row, row + classes).map((logit) => scale * logit)), row);
  }
  const loss = logLoss(labels, probabilities, weighted);
  return { scale, probabilities, logLoss: loss, accuracy: accuracyOf(labels, probabilities) };
}

async function keptTail(take: TakeStep, classes: number, scale: number): Promise<TailResult['trained']> {
  const { tensors } = await take({ kind: 'tail/weights' });
  const scaled = (name: string) => {
    const values = tensors.find((weight) => weight.name === name)?.values ?? new Float32Array();
    return values.map((value) => scale * value);
  };
  const head = { classes, weights: scaled('head.weight'), bias: scaled('head.bias') };
  return { weights: tensors.filter(({ name }) => !name.startsWith('head.')), head };
}

function batchesOf(pictures: Int32Array): Int32Array[] {
  const count = Math.ceil(pictures.length / BATCH);
  return Array.from({ length: count }, (_, i) => pictures.subarray(i * BATCH, (i + 1) * BATCH));
}

/**
 * Rises to LEARNING_RATE, then falls along half a cosine (Loshchilov and Hutter 2017, "SGDR", equation 5).
 * @param share of all steps that are done, 0..1
 */
function learningRate(share: number): number {
  if (share < WARM_UP) return (LEARNING_RATE * share) / WARM_UP;
  return (LEARNING_RATE / 2) * (1 + Math.cos((Math.PI * (share - WARM_UP)) / (1 - WARM_UP)));
}

function shuffled(pictures: Int32Array, random: ReturnType<typeof createRandom>): Int32Array {
  const order = pictures.slice();
  for (let i = order.length - 1; i > 0; i--) {
    const other = random.integer(i + 1);
    [order[i], order[other]] = [at(order, other), at(order, i)];
  }
  return order;
}
