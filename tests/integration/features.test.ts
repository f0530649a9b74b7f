import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createNormalise } from '../../src/core/pixels/normalise.js';
import { createFlow } from '../../src/core/queues/fair-queue.js';
import { createRandom } from '../../src/core/random.js';
import { PLAIN_VIEW_OPTIONS } from '../../src/core/views/test-time.js';
import { backboneOf } from '../../src/onnx/cut/backbone.js';
import type { NetworkSpec } from '../../src/runtime/networks/network-spec.js';
import { networkSpecOf } from '../../src/serving/loading/bring-up.js';
import { findVariant } from '../../src/zoo/weights.js';
import { BUNDLED, bundledModel, REAL_WORKER } from '../support/heads.js';
import { temporaryFolder } from '../support/model-folders.js';
import { best, once, specOf, turn } from '../support/networks.js';
import { startPool } from '../support/server.js';
import { instruct, instructPng, until, Weights } from '../support/worker-script.js';

async function bundledSpec(id: string, variant: string): Promise<NetworkSpec> {
  const folder = await bundledModel(id);
  return networkSpecOf(folder, findVariant(folder, variant), { key: id, rows: undefined, base: undefined });
}

describe('features', () => {
  test.each([
    ['cifar10-nin', 'fp32', 128],
    ['cifar10-resnet20', 'int8', 64],
  ])('of %s %s are what its backbone gives alone', async (id, variant, size) => {
    const spec = await bundledSpec(id, variant);
    const pool = startPool({ script: REAL_WORKER });
    const info = await pool.load(spec, 1);
    expect(info.features).toBe(size);
    const random = createRandom(3);
    const { height, width, layout, name } = spec.input;
    const pixels = Uint8Array.from({ length: 3 * height * width * 3 }, () => random.integer(256));
    const views = { name: 'v', rows: 3, data: pixels };
    const { scores, distances } = await pool.run(id, views, turn(), 'features');
    expect(distances).toBeUndefined();

    const backbone = backboneOf(new Uint8Array(readFileSync(spec.file)), spec.output.name);
    const session = await InferenceSession.create(backbone?.bytes ?? new Uint8Array(), { intraOpNumThreads: 1 });
    onTestFinished(() => session.release());
    const normalise = createNormalise(spec.preprocess, layout, 'float32');
    const values = new Float32Array(pixels.length);
    const view = pixels.length / 3;
    for (let i = 0; i < 3; i++) {
      normalise(pixels.subarray(i * view, (i + 1) * view), values.subarray(i * view, (i + 1) * view));
    }
    const results = await session.run({ [name]: new Tensor('float32', values, [3, 3, height, width]) });
    const expected = results[backbone?.features ?? '']?.data;
    expect(scores).toEqual(expected);
    expect((await pool.run(id, views, turn())).scores).toHaveLength(3 * info.classes);
  });

  test('of a picture come from the worker that decodes it', async () => {
    const spec = await bundledSpec('lenet5', 'fp32');
    const pool = startPool({ script: REAL_WORKER });
    await pool.load(spec, 1);
    const bytes = readFileSync(join(BUNDLED, 'golden/digit-7.png'));
    const request = { autoOrient: true, viewOptions: PLAIN_VIEW_OPTIONS };
    const file = { bytes, heavy: false };
    const [features, scored] = await Promise.all([
      pool.classify('lenet5', file, request, 1, turn(), 'features'),
      pool.classify('lenet5', file, request, 1, turn()),
    ]);
    expect(features.scores).toHaveLength(84);
    expect(features.counts).toEqual([1]);
    expect(best(scored)).toBe(7);
  });
});

describe('background work', () => {
  const background = () => ({ ...turn(), flow: createFlow({ background: true }) });
  async function pool(workers: number, aheadMs = 0) {
    const weights = new Weights(join(await temporaryFolder(), 'n.onnx'));
    const started = startPool({ workers, aheadMs });
    await started.load(specOf('n', weights.file), workers);
    return { weights, pool: started };
  }
  const run = (of: Awaited<ReturnType<typeof pool>>, action: 'hold' | 'answer', picture: number, whose = turn()) =>
    of.pool.run('n', once(instruct(action, picture)), whose);

  test('waits until no other job does, however late that comes', async () => {
    const one = await pool(1);
    const first = run(one, 'hold', 1);
    await one.weights.untilBegun(1);
    const whose = background();
    const later = [2, 3].map((picture) => run(one, 'answer', picture, whose));
    const others = [4, 5].map((picture) => run(one, 'answer', picture));
    expect(one.pool.waiting).toBe(4);
    one.weights.open(1);
    await Promise.all([first, ...later, ...others]);
    expect(one.weights.begun).toEqual([1, 4, 5, 2, 3]);
  });

  test('is not given to a worker ahead of its turn', async () => {
    const one = await pool(1, 1000);
    const first = run(one, 'hold', 1);
    await one.weights.untilBegun(1);
    const second = run(one, 'answer', 2, background());
    const other = run(one, 'answer', 3);
    await until(() => one.pool.waiting === 1, 'the other job to be handed out');
    one.weights.open(1);
    await Promise.all([first, second, other]);
    expect(one.weights.begun).toEqual([1, 3, 2]);
  });

  test('leaves a worker free for others', async () => {
    const two = await pool(2);
    const whose = background();
    const [first, second] = [run(two, 'hold', 1, whose), run(two, 'answer', 2, whose)];
    await two.weights.untilBegun(1);
    await run(two, 'answer', 3);
    expect(two.weights.begun).toEqual([1, 3]);
    expect(two.pool.waiting).toBe(1);
    two.weights.open(1);
    await Promise.all([first, second]);
  });

  test('is given up, sent again and ended as other work is', async () => {
    const one = await pool(1);
    const abort = new AbortController();
    const whose = { ...background(), signal: abort.signal };
    const first = run(one, 'hold', 1);
    await one.weights.untilBegun(1);
    const given = run(one, 'answer', 2, whose);
    const kept = run(one, 'answer', 3, background());
    abort.abort(new Error('gone'));
    await expect(given).rejects.toThrow('gone');
    const refused = expect(kept).rejects.toMatchObject({ code: 'model_not_loaded' });
    const unloading = one.pool.unload('n');
    await refused;
    one.weights.open(1);
    await Promise.all([first, unloading]);
  });
});

test('a picture in the background is decoded in the background', async () => {
  const weights = new Weights(join(await temporaryFolder(), 'n.onnx'));
  const pool = startPool();
  await pool.load(specOf('n', weights.file), 1);
  const first = pool.run('n', once(instruct('hold', 1)), turn());
  await weights.untilBegun(1);
  const file = { bytes: await instructPng('answer', 2), heavy: false };
  const request = { autoOrient: true, viewOptions: PLAIN_VIEW_OPTIONS };
  const whose = { ...turn(), flow: createFlow({ background: true }) };
  const later = pool.classify('n', file, request, 1, whose, 'features');
  const next = pool.run('n', once(instruct('answer', 3)), turn());
  weights.open(1);
  await Promise.all([first, later, next]);
  expect(weights.begun).toEqual([1, 3, 2]);
});
