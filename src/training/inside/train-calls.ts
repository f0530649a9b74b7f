import type { PartBytes } from '../../runtime/workers/inside/serve-calls.js';
import type { CallHead } from '../../runtime/workers/protocol/calls.js';
import { isTrainStep, type TrainStep } from '../protocol/steps.js';
import { HeadFitter } from './head-fitter.js';
import { Similarity } from './similarity.js';

// How the trainer takes each kind of step.

/** What a step gives. */
interface Taken {
  parts: readonly (Float32Array | Uint8Array)[];
  facts: Record<string, number>;
}

let head: HeadFitter | undefined;
let similarity: Similarity | undefined;
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
  const { facts, parts: values } = await take(step, parts);
  endedAt = performance.now();
  return {
    answer: { facts: { ...facts, waitedMs, workedMs: endedAt - begunAt } },
    parts: values.map((each) => new Uint8Array(each.buffer, each.byteOffset, each.byteLength)),
  };
}

async function take(step: TrainStep, parts: readonly PartBytes[]): Promise<Taken> {
  switch (step.kind) {
    case 'head/open': {
      await head?.release();
      const { size, classes } = step;
      head = new HeadFitter({ features: floats(parts, 0), labels: integers(parts, 1), size, classes });
      return { parts: [], facts: {} };
    }
    case 'head/fit': {
      const fitter = opened(head);
      await fitter.fit(step.name, step, integers(parts, 0), floats(parts, 1));
      return { parts: [await fitter.probabilities(step.name, integers(parts, 2))], facts: {} };
    }
    case 'head/weights':
      return { parts: opened(head).plainWeights(step.name), facts: {} };
    case 'features/open':
      await similarity?.release();
      similarity = await Similarity.open(floats(parts, 0), step.size);
      return { parts: [], facts: { median: similarity.medianOfPairs(step.seed) } };
    case 'features/join':
      return { parts: [], facts: { to: await opened(similarity).join(step.from, step.threshold) } };
    case 'features/groups':
      return { parts: [opened(similarity).groups()], facts: {} };
    case 'features/centres':
      return { parts: [await opened(similarity).centres(integers(parts, 0), step.most, step.seed)], facts: {} };
    case 'features/distances':
      return { parts: [await opened(similarity).distances(integers(parts, 0), floats(parts, 1))], facts: {} };
    case 'picture/thumbnail': {
      // Imported only here. The loaders come first: they set which formats libvips may read.
      await import('../../imaging/loaders.js');
      const { thumbnail } = await import('../../imaging/thumbnail.js');
      return { parts: [await thumbnail(opened(parts[0]), true, { maxPixels: step.maxPixels })], facts: {} };
    }
    case 'file/write': {
      const { writeNetwork } = await import('./write-network.js');
      writeNetwork(
        step,
        parts.map((_, i) => floats(parts, i)),
      );
      return { parts: [], facts: {} };
    }
  }
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
