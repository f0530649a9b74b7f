import { inspect, tensorShapes } from '../../runtime/inspection/inspect.js';
import type { PartBytes } from '../../runtime/workers/inside/serve-calls.js';
import type { CallHead } from '../../runtime/workers/protocol/calls.js';
import { isTrainStep, type StepAnswer, type TrainStep } from '../protocol/steps.js';
import { HeadFitter } from './head-fitter.js';
import { Similarity } from './similarity.js';
import { TailFitter } from './tail-fitter.js';
import { readBase, writeNetwork } from './write-network.js';

// How the trainer takes each kind of step.

let head: HeadFitter | undefined;
let similarity: Similarity | undefined;
let tail: TailFitter | undefined;
/** When the last step ended. */
let endedAt: number | undefined;

/** Answers one call. @throws whatever the step fails with */
export async function answerTraining(
  call: CallHead,
  parts: readonly PartBytes[],
): Promise<{ answer: object; parts?: Uint8Array[] }> {
  if (call.kind === 'start') return { answer: {} };
  const step = call.kind === 'train' ? call.ask.step : undefined;
  if (!step || !isTrainStep(step)) throw new Error(`the trainer has no call "${step?.kind ?? call.kind}"`);
  const begunAt = performance.now();
  const waitedMs = begunAt - (endedAt ?? begunAt);
  const { facts = {}, tensors = [] } = await take(step, parts);
  endedAt = performance.now();
  // The shapes of a network are more than a frame has parts, and have no values.
  const isEmpty = tensors.every(({ values }) => values.length === 0);
  return {
    answer: {
      tensors: tensors.map(({ name, dims }) => ({ name, type: 'float32', dims })),
      facts: { ...facts, waitedMs },
    },
    parts: isEmpty
      ? []
      : tensors.map(({ values }) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength)),
  };
}

async function take(step: TrainStep, parts: readonly PartBytes[]): Promise<Partial<StepAnswer>> {
  switch (step.kind) {
    case 'head/open': {
      await head?.release();
      const { size, classes } = step;
      head = new HeadFitter({ features: floats(parts, 0), labels: integers(parts, 1), size, classes });
      return {};
    }
    case 'head/fit': {
      const fitter = opened(head);
      await fitter.fit(step.name, step, integers(parts, 0), floats(parts, 1));
      return one('probabilities', await fitter.probabilities(step.name, integers(parts, 2)));
    }
    case 'head/weights':
      return { tensors: opened(head).plainWeights(step.name) };
    case 'features/open':
      await similarity?.release();
      similarity = await Similarity.open(floats(parts, 0), step.size);
      return { facts: { median: similarity.medianOfPairs(step.seed) } };
    case 'features/join':
      return { facts: { to: await opened(similarity).join(step.from, step.threshold) } };
    case 'features/groups':
      return one('groups', opened(similarity).groups());
    case 'features/centres':
      return one('centres', await opened(similarity).centres(integers(parts, 0), step.most, step.seed));
    case 'features/distances':
      return one('distances', await opened(similarity).distances(integers(parts, 0), floats(parts, 1)));
    case 'tail/shapes': {
      const shapes = await tensorShapes(step.file);
      return { tensors: Array.from(shapes, ([name, dims]) => ({ name, dims, values: new Float32Array() })) };
    }
    case 'tail/open':
      await tail?.release();
      tail = await TailFitter.open(readBase(step.base), step.cut, step.classes, [floats(parts, 0), floats(parts, 1)]);
      return {};
    case 'tail/step':
      return { facts: await opened(tail).step(floats(parts, 0), floats(parts, 1), step.learningRate) };
    case 'tail/logits':
      return one('logits', await opened(tail).logits(floats(parts, 0)));
    case 'tail/keep':
      opened(tail).keep();
      return {};
    case 'tail/features':
      return one('features', await opened(tail).features(floats(parts, 0)));
    case 'tail/weights':
      return { tensors: opened(tail).kept };
    case 'picture/thumbnail': {
      // Imported only here. The loaders come first: they set which formats libvips may read.
      await import('../../imaging/loaders.js');
      const { thumbnail } = await import('../../imaging/thumbnail.js');
      const jpeg = await thumbnail(opened(parts[0]), true, { maxPixels: step.maxPixels });
      return one('jpeg', Float32Array.from(jpeg));
    }
    case 'file/write': {
      writeNetwork(
        step,
        parts.map((_, i) => floats(parts, i)),
        step.cut && opened(tail).kept,
      );
      const { target: file, inputShape } = step;
      const { summary } = await inspect({ file, inputShape, timing: false });
      return { facts: { macs: summary.totals.macs } };
    }
  }
}

function one(name: string, values: Float32Array): Partial<StepAnswer> {
  return { tensors: [{ name, dims: [values.length], values }] };
}

function opened<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a step came before the one that opens');
  return value;
}

function floats(parts: readonly PartBytes[], i: number): Float32Array<ArrayBuffer> {
  return new Float32Array(opened(parts[i]).buffer);
}

function integers(parts: readonly PartBytes[], i: number): Int32Array<ArrayBuffer> {
  return new Int32Array(opened(parts[i]).buffer);
}
