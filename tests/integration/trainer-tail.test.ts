import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { createRandom } from '../../src/core/random.js';
import { softmax } from '../../src/core/scores/activation.js';
import { fileWithTail } from '../../src/onnx/gradient/tail-file.js';
import type { ActivationSource, TailTask } from '../../src/training/tail/tail-task.js';
import { floats, runOnce, trainingFeeds, trainingGraph } from '../support/graphs.js';
import { startTrainer } from '../support/trainer.js';

// Training the last layers of a bundled network, over the process of the trainer.

const FILE = fileURLToPath(new URL('../../models/cifar10-resnet20/cifar10-resnet20.onnx', import.meta.url));
const SIZE = 64;
const PICTURES = 96;
const file = readFileSync(FILE);
const trainer = await startTrainer();
const [cut] = await trainer.tailCuts(FILE, 'logits', ['last-block']);
if (!cut) throw new Error('the network was not cut');
const values = cut.dims.reduce((a, b) => a * b, 1);

/** Activations that are larger in some channels for one class, and in others for the other. */
function activations(): Float32Array {
  const random = createRandom(4);
  const channel = values / SIZE;
  return Float32Array.from({ length: PICTURES * values }, (_, i) => {
    const side = (Math.floor(i / values) + Math.floor((i % values) / channel)) % 2;
    return Math.abs(random.normal()) + (side === 0 ? 0.5 : 0);
  });
}
const given = activations();
const source: ActivationSource = {
  read: async (pictures) => {
    const batch = new Float32Array(pictures.length * values);
    for (const [i, picture] of pictures.entries()) {
      batch.set(given.subarray(picture * values, (picture + 1) * values), i * values);
    }
    return batch;
  },
};
const base = {
  file: FILE,
  fileSha256: createHash('sha256').update(file).digest('hex'),
  externalSha256: {},
  output: 'logits',
};
const task: TailTask = {
  base,
  cut,
  head: { classes: 2, weights: new Float32Array(2 * SIZE), bias: new Float32Array(2) },
  activations: source,
  labels: Int32Array.from({ length: PICTURES }, (_, i) => i % 2),
  classes: 2,
  training: Int32Array.from({ length: PICTURES - 20 }, (_, i) => i),
  heldOut: Int32Array.from({ length: 20 }, (_, i) => PICTURES - 20 + i),
  weighted: false,
  epochs: 4,
  seed: 1,
};
const errorOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );
const silent = () => {};

describe('the last layers', () => {
  test('learn, and what is kept is what was tested', async () => {
    const progress: number[] = [];
    const random = createRandom(3);
    const head = { ...task.head, weights: task.head.weights.map(() => 0.2 * random.normal()) };
    const { epochs, best, heldOut, trained } = await trainer.tail({ ...task, head }, (share) => progress.push(share));
    expect(epochs[best]?.logLoss).toBe(Math.min(...epochs.map(({ logLoss }) => logLoss)));
    expect(epochs[best]?.logLoss).toBeLessThan(0.9 * (epochs[0]?.logLoss ?? 0));
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    if (!trained) throw new Error('nothing was kept');

    const graph = await trainingGraph(file, cut, 2);
    const weights = [
      ...trained.weights,
      { name: 'head.weight', dims: [2, SIZE], values: trained.head.weights },
      { name: 'head.bias', dims: [2], values: trained.head.bias },
    ];
    const batch = floats(await source.read(task.heldOut, undefined), [20, ...cut.dims]);
    const feeds = trainingFeeds({ ...graph, weights }, batch, floats(new Float32Array(40), [20, 2]));
    const { logits } = await runOnce(graph.bytes, feeds);
    const scores = logits?.data;
    if (!(scores instanceof Float32Array)) throw new Error('no logits');
    for (let row = 0; row < 20; row++) {
      const own = softmax(scores.subarray(2 * row, 2 * row + 2));
      expect(own[1]).toBeCloseTo(heldOut[2 * row + 1] ?? Number.NaN, 4);
    }
    expect(fileWithTail(file, cut, trained.weights).length).toBeGreaterThan(0);
  });

  test('are the same for the same seed', async () => {
    const once = await trainer.tail({ ...task, epochs: 1 }, silent);
    const again = await trainer.tail({ ...task, epochs: 1 }, silent);
    expect(again.epochs).toEqual(once.epochs);
    expect(again.heldOut).toEqual(once.heldOut);
  });

  test('are not kept if they are no better on held-out pictures', async () => {
    const random = createRandom(8);
    const labels = task.labels.map(() => random.integer(2));
    const { epochs, best, trained, heldOut } = await trainer.tail({ ...task, labels, epochs: 2 }, silent);
    expect(best).toBe(0);
    // A head of zeros gives each class the same probability.
    expect(epochs[0]?.logLoss).toBeCloseTo(Math.log(2), 5);
    expect(trained).toBeUndefined();
    for (const probability of heldOut) expect(probability).toBeCloseTo(0.5, 5);
  });

  test('are trained on what the source gives in each epoch, and the time spent waiting for it is told', async () => {
    const epochs = new Set<number | undefined>();
    const slow: ActivationSource = {
      read: async (pictures, epoch) => {
        epochs.add(epoch);
        await sleep(100);
        return source.read(pictures, epoch);
      },
    };
    const { waitedMs, tookMs } = await trainer.tail({ ...task, activations: slow, epochs: 2 }, silent);
    expect([...epochs]).toEqual([undefined, 0, 1]);
    expect(waitedMs).toBeGreaterThan(50);
    expect(waitedMs).toBeLessThan(tookMs);
  });

  test.each([
    ['one class', { training: Int32Array.of(0, 2, 4) }, /at least 2 classes/],
    ['nothing held out', { heldOut: new Int32Array() }, /no pictures are held out/],
  ])('refuse %s', async (_, change, message) => {
    expect(await errorOf(trainer.tail({ ...task, ...change }, silent))).toMatchObject({
      code: 'invalid_data',
      message: expect.stringMatching(message),
    });
  });

  test('of a network of integers are refused by name', async () => {
    const int8 = FILE.replace('.onnx', '-int8.onnx');
    expect(await errorOf(trainer.tailCuts(int8, 'logits', ['last-block']))).toMatchObject({ code: 'not_trainable' });
  });
});

describe('the process', () => {
  const endless = { ...task, epochs: 10_000 };

  test('ends when the training is cancelled', async () => {
    const own = await startTrainer();
    const stop = new AbortController();
    const work = errorOf(own.tail(endless, () => stop.abort('enough'), stop.signal));
    expect(await work).toBe('enough');
    await own.stop();
    expect(() => process.kill(own.pid ?? 0, 0)).toThrow();
  });

  test('says so when it is killed', async () => {
    const own = await startTrainer();
    const work = errorOf(own.tail(endless, (share) => share > 0 && process.kill(own.pid ?? 0, 'SIGKILL'), undefined));
    expect(await work).toMatchObject({ code: 'training_failed' });
  });

  test('goes on with other work when the source of activations failed', async () => {
    const own = await startTrainer();
    let calls = 0;
    const failing: ActivationSource = {
      read: async (pictures, epoch) => {
        calls++;
        if (calls > 3) throw new Error('the cache is gone');
        return source.read(pictures, epoch);
      },
    };
    expect(await errorOf(own.tail({ ...task, activations: failing }, silent))).toMatchObject({
      message: 'the cache is gone',
    });
    expect((await own.tail({ ...task, epochs: 1 }, silent)).epochs).toHaveLength(2);
  });
});
