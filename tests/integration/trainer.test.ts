import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { createRandom } from '../../src/core/random.js';
import type { HeadTask } from '../../src/training/head/head-task.js';
import { headTask, startTrainer } from '../support/trainer.js';

// The trainer as a process: what it trains, what it refuses, and how it ends.

const trainer = await startTrainer();

/** Pictures of classes around random centres. */
function clusters(perClass: number, classes: number, size: number, spread: number, views = 1): HeadTask {
  const random = createRandom(5);
  const centres = Array.from({ length: classes * size }, () => random.normal());
  const labels = Array.from({ length: perClass * classes }, (_, i) => i % classes);
  const features = new Float32Array(labels.length * views * size);
  for (const i of features.keys()) {
    const label = labels[Math.floor(i / (views * size))] ?? 0;
    features[i] = (centres[label * size + (i % size)] ?? 0) + spread * random.normal();
  }
  return headTask({
    features,
    size,
    classes,
    labels,
    views,
    folds: Int32Array.from(labels, (_, i) => Math.floor(i / classes) % 3),
  });
}
const again = (task: HeadTask): HeadTask => ({ ...task, features: task.features.slice() });
const errorOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );
const silent = () => {};

describe('a head', () => {
  test('learns what can be learned, tells its progress, and says how accuracy grew', async () => {
    const progress: number[] = [];
    const task = { ...clusters(30, 4, 8, 0.7), l2: [1, 0.1, 0.01] };
    const { head, heldOut, learningCurve, candidates, l2 } = await trainer.head(again(task), (share) =>
      progress.push(share),
    );
    const right = [...task.labels].filter((label, i) => {
      const own = heldOut.subarray(i * 4, i * 4 + 4);
      return own.indexOf(Math.max(...own)) === label;
    }).length;
    expect(right / task.labels.length).toBeGreaterThan(0.9);
    expect(head.weights).toHaveLength(4 * 8);
    expect(candidates.find((each) => each.l2 === l2)?.logLoss).toBe(
      Math.min(...candidates.map(({ logLoss }) => logLoss)),
    );
    expect(learningCurve.map(({ perClass }) => perClass)).toEqual([2, 5, 10, 20]);
    expect(learningCurve.at(-1)?.accuracy).toBe(right / task.labels.length);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(progress.at(-1)).toBe(1);
  });

  test('is the same for the same seed', async () => {
    const task = { ...clusters(6, 3, 5, 1), hidden: [4], l2: [0.1, 0.01] };
    expect(await trainer.head(again(task), silent)).toEqual(await trainer.head(again(task), silent));
  });

  test('may have a hidden layer, where classes lie across from each other', async () => {
    const corner = (i: number) => [i & 1 ? 1 : -1, i & 2 ? 1 : -1] as const;
    const random = createRandom(2);
    const features = new Float32Array(
      Array.from({ length: 120 }, (_, i) => corner(i).map((side) => side + 0.2 * random.normal())).flat(),
    );
    const labels = Array.from({ length: 120 }, (_, i) => (corner(i)[0] === corner(i)[1] ? 1 : 0));
    const folds = Int32Array.from(labels, (_, i) => Math.floor(i / 4) % 3);
    const task = headTask({ features, size: 2, classes: 2, labels, folds, hidden: [8], l2: [0.01, 0.001] });
    const { head, hidden, learningCurve } = await trainer.head(again(task), silent);
    expect(hidden).toBe(8);
    expect(head.hidden?.units).toBe(8);
    expect(learningCurve.at(-1)?.accuracy).toBeGreaterThan(0.95);
    // Computed by hand from the weights for plain features.
    const right = labels.filter((label, i) => {
      const [x = 0, y = 0] = features.subarray(2 * i, 2 * i + 2);
      const { weights = new Float32Array(), bias = new Float32Array() } = head.hidden ?? {};
      const units = [...bias].map((b, u) => Math.max(0, b + x * (weights[2 * u] ?? 0) + y * (weights[2 * u + 1] ?? 0)));
      const [a = 0, b = 0] = [0, 1].map((c) =>
        units.reduce((sum, unit, u) => sum + unit * (head.weights[8 * c + u] ?? 0), head.bias[c] ?? 0),
      );
      return (b > a ? 1 : 0) === label;
    });
    expect(right.length).toBeGreaterThan(115);
  });

  test('counts classes equally if asked, so that a small one is not lost', async () => {
    const whole = clusters(60, 2, 4, 3);
    const kept = [...whole.labels].flatMap((label, i) => (label === 0 || i % 24 === 1 ? [i] : []));
    const task = headTask({
      features: Float32Array.from(kept.flatMap((i) => [...whole.features.subarray(4 * i, 4 * i + 4)])),
      size: 4,
      classes: 2,
      labels: kept.map((i) => whole.labels[i] ?? 0),
    });
    const recall = async (weighted: boolean) => {
      const { heldOut } = await trainer.head(again({ ...task, weighted }), silent);
      return [...task.labels].filter((label, i) => label === 1 && (heldOut[2 * i + 1] ?? 0) > 0.5).length;
    };
    expect(await recall(true)).toBeGreaterThan(await recall(false));
  });

  test('is trained on all views of a picture and tested on the plain one', async () => {
    const task = clusters(9, 2, 6, 0.5, 3);
    const { heldOut } = await trainer.head(again(task), silent);
    expect(heldOut).toHaveLength(18 * 2);
    // Views that are only noise harm, so they have been trained on.
    const spoiled = again(task);
    for (const i of spoiled.features.keys()) if (Math.floor(i / 6) % 3 > 0) spoiled.features[i] = Math.sin(i * i);
    expect((await trainer.head(spoiled, silent)).candidates[0]?.logLoss).toBeGreaterThan(
      (await trainer.head(again(task), silent)).candidates[0]?.logLoss ?? Number.NaN,
    );
  });

  test('can be trained on two pictures, on a class of one, and on features that are all the same', async () => {
    const two = headTask({ features: Float32Array.of(1, 2, 3, 4), size: 2, classes: 2, labels: [0, 1] });
    expect((await trainer.head(two, silent)).head.weights.every(Number.isFinite)).toBe(true);
    const lone = headTask({ features: Float32Array.of(1, 2, 3, 4, 9), size: 1, classes: 3, labels: [0, 0, 0, 2, 2] });
    expect((await trainer.head(lone, silent)).heldOut.every(Number.isFinite)).toBe(true);
    const same = headTask({
      features: new Float32Array(12).fill(0.3),
      size: 2,
      classes: 2,
      labels: [0, 1, 0, 1, 0, 1],
    });
    const { head } = await trainer.head(same, silent);
    expect(head.weights).toEqual(new Float32Array(4));
  });

  test.each([
    ['one class only', { labels: [1, 1] }, /at least 2 classes need pictures, and 1 has any/],
    ['features that are not numbers', { features: Float32Array.of(1, 2, 3, Number.NaN) }, /not numbers for picture 2/],
    [
      'infinite features',
      { features: Float32Array.of(1, Number.POSITIVE_INFINITY, 3, 4) },
      /not numbers for picture 1/,
    ],
    ['one fold', { folds: Int32Array.of(4, 4) }, /at least 2 folds/],
    ['no regularisation', { l2: [0] }, /L2 must be above 0/],
  ])('refuses %s', async (_, change, message) => {
    const task = headTask({ features: Float32Array.of(1, 2, 3, 4), size: 2, classes: 2, labels: [0, 1], ...change });
    expect(await errorOf(trainer.head(task, silent))).toMatchObject({
      code: 'invalid_data',
      message: expect.stringMatching(message),
    });
  });
});

describe('similarity', () => {
  test('near-duplicates are in one group, and nothing else is', async () => {
    const random = createRandom(9);
    const [pictures, size] = [600, 24];
    const features = Float32Array.from({ length: pictures * size }, () => random.normal());
    // 599 is nearly 3, only longer; 400 lies between the two.
    for (const [copy, of] of [
      [599, 3],
      [400, 599],
      [17, 16],
    ] as const) {
      for (let j = 0; j < size; j++)
        features[copy * size + j] = 3 * (features[of * size + j] ?? 0) + 0.2 * random.normal();
    }
    const { groups } = await trainer.nearDuplicates({ features: features.slice(), size, seed: 1 }, silent);
    const expected = Array.from({ length: pictures }, (_, i) => i);
    Object.assign(expected, { 599: 3, 400: 3, 17: 16 });
    expect([...groups]).toEqual(expected);
  });

  test('pictures that are all much alike are not all near-duplicates', async () => {
    const random = createRandom(9);
    const features = Float32Array.from({ length: 100 * 32 }, () => 1 + 0.2 * random.normal());
    features.copyWithin(32 * 99, 0, 32);
    const { groups } = await trainer.nearDuplicates({ features, size: 32, seed: 1 }, silent);
    expect(groups[99]).toBe(0);
    expect(new Set(groups).size).toBe(99);
  });

  test.each([40, 700])('of %i pictures few are unknown, and strange ones are', async (pictures) => {
    const task = clusters(pictures / 2, 2, 16, 0.6);
    const { known, above } = await trainer.unknownScore({ ...again(task), seed: 1 }, silent);
    expect(known.length / 16).toBe(Math.min(512, pictures));
    const distance = (row: Float32Array) => {
      const length = Math.hypot(...row);
      let largest = -1;
      for (let k = 0; k < known.length; k += 16) {
        let dot = 0;
        for (let j = 0; j < 16; j++) dot += (row[j] ?? 0) * (known[k + j] ?? 0);
        largest = Math.max(largest, dot / length);
      }
      return 1 - largest;
    };
    for (let k = 0; k < known.length; k += 16) expect(Math.hypot(...known.subarray(k, k + 16))).toBeCloseTo(1, 4);
    const random = createRandom(77);
    const strange = Array.from({ length: 200 }, () =>
      distance(Float32Array.from({ length: 16 }, () => random.normal())),
    );
    expect(strange.filter((each) => each > above).length).toBeGreaterThan(180);
    const own = Array.from({ length: pictures }, (_, i) => distance(task.features.subarray(16 * i, 16 * i + 16)));
    expect(own.filter((each) => each > above).length / pictures).toBeLessThan(0.1);
  });
});

describe('the process', () => {
  const long = { ...clusters(400, 4, 512, 3), l2: [1, 0.1, 0.01, 0.001], hidden: [64] };

  test('ends at once when the training is cancelled', async () => {
    const own = await startTrainer();
    const stop = new AbortController();
    const reason = new Error('nobody wants it');
    const work = errorOf(own.head(again(long), (share) => share > 0 && stop.abort(reason), stop.signal));
    expect(await work).toBe(reason);
    await own.stop();
    expect(() => process.kill(own.pid ?? 0, 0)).toThrow();
  });

  test('starts nothing when it was cancelled before', async () => {
    const own = await startTrainer();
    expect(await errorOf(own.head(again(long), silent, AbortSignal.abort('too late')))).toBe('too late');
  });

  test('says so when it is killed, and takes no further work', async () => {
    const own = await startTrainer();
    const work = errorOf(own.head(again(long), silent));
    await sleep(300);
    process.kill(own.pid ?? 0, 'SIGKILL');
    expect(await work).toMatchObject({ code: 'training_failed' });
    expect(await errorOf(own.head(again(long), silent))).toMatchObject({ code: 'training_failed' });
  });

  test('refuses what does not fit into its memory before anything is sent', async () => {
    const own = await startTrainer({ memoryBytes: 1_000_000 });
    const error = await errorOf(own.head(again(long), silent));
    expect(error).toMatchObject({
      code: 'memory_exceeded',
      message: expect.stringContaining('Training the head needs about'),
    });
  });
});
