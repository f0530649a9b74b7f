import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Pieces } from '../../src/core/byte-source.js';
import { createFlow } from '../../src/core/queues/fair-queue.js';
import { PLAIN_VIEW_OPTIONS } from '../../src/core/views/test-time.js';
import { Answerer } from '../../src/serving/answering/answerer.js';
import { Admission } from '../../src/serving/cost/admission.js';
import { ReadingSpeed } from '../../src/serving/cost/cost.js';
import { Features } from '../../src/serving/features.js';
import { LayerNetworks } from '../../src/serving/layer-networks.js';
import { ModelRegistry } from '../../src/serving/loading/model-registry.js';
import { Targets } from '../../src/serving/targets.js';
import { openRepository } from '../../src/zoo/open-repository.js';
import { never } from '../support/networks.js';
import { startPool } from '../support/server.js';

const MODELS = join(import.meta.dirname, '../../models');
const REAL = new URL('../../dist/runtime/workers/inside/worker-main.js', import.meta.url);
const PICTURE = readFileSync(join(MODELS, 'golden/airplane.png'));

/** The bundled models, over a real worker. */
async function start() {
  const pool = startPool({ script: REAL });
  const repository = await openRepository([MODELS]);
  const answerer = new Answerer({ pool, viewBytes: 1e8 });
  const nothing = () => {};
  const events = {
    executed: nothing,
    modelStateChanged: nothing,
    modelLoaded: nothing,
    loneInstance: nothing,
    modelRemoved: nothing,
  };
  const common = { repository, pool, answerer, allowUntrained: false, countMacs: async () => 1e6, instances: 1 };
  const registry = new ModelRegistry({ ...common, named: [], tuned: new Map(), events });
  const admission = new Admission({ capacity: 10, limit: 10, workers: 1 });
  const summaries = { summary: () => Promise.reject(new Error('no summaries here')) };
  const layers = new LayerNetworks({ pool, summaries, admission, instances: 1 });
  const targets = new Targets({ registry, repository, layers, defaultModel: undefined });
  const reading = { costOfDecoding: () => undefined, decodeBytes: () => 2 ** 30, speed: new ReadingSpeed() };
  return {
    pool,
    registry,
    features: new Features({ ...reading, pool, repository, instances: 1, targets, answerer, admission }),
  };
}

it('gives in the background the features that a request gets, and keeps its model loaded', async () => {
  const { pool, registry, features } = await start();
  await registry.load('cifar10-resnet20');
  const source = await features.open('cifar10-resnet20', true);
  expect([source.model.id, source.model.info.features]).toEqual(['cifar10-resnet20', 64]);

  const plain = await source.of(new Pieces([PICTURE]), never);
  const turn = { flow: createFlow(), cost: 1, ms: 1, signal: never };
  const request = { autoOrient: true, viewOptions: PLAIN_VIEW_OPTIONS };
  const asked = await pool.classify(source.model.key, { bytes: PICTURE, heavy: false }, request, 1, turn, 'features');
  expect(plain).toMatchObject({ counts: [1], rows: asked.scores, mean: asked.scores });

  const options = { ...PLAIN_VIEW_OPTIONS, augmentation: { ...PLAIN_VIEW_OPTIONS.augmentation, mirror: true } };
  const views = await source.of(new Pieces([PICTURE]), never, options);
  expect(views.counts).toEqual([1, 1]);
  // Run together, the last bits may differ.
  views.rows.subarray(0, 64).forEach((value, i) => {
    expect(value).toBeCloseTo(plain.mean[i] ?? Number.NaN, 4);
  });
  views.mean.forEach((value, i) => {
    expect(value).toBeCloseTo(((views.rows[i] ?? 0) + (views.rows[64 + i] ?? 0)) / 2, 5);
  });

  await expect(source.of(new Pieces([PICTURE.subarray(0, 50)]), never)).rejects.toMatchObject({
    code: 'corrupt_image',
  });
  await expect(source.of(new Pieces([PICTURE]), AbortSignal.abort(new Error('cancelled')))).rejects.toThrow(
    'cancelled',
  );
  await expect(features.open('cifar10-all', true)).rejects.toMatchObject({ code: 'invalid_request' });

  let unloaded = false;
  const unloading = registry.unload('cifar10-resnet20').then(() => {
    unloaded = true;
  });
  await source.of(new Pieces([PICTURE]), never);
  expect(unloaded).toBe(false);
  source.close();
  await unloading;
});

it('opens another variant, or the values of a tensor, in a network of its own', async () => {
  const { pool, features } = await start();
  const other = await features.openOwn('cifar10-resnet20', 'int8', undefined, true);
  expect(other.model.variant).toBe('int8');
  expect((await other.of(new Pieces([PICTURE]), never)).mean).toHaveLength(64);
  other.close();

  const layer = { tensor: 'flatten', size: 64 };
  const inner = await features.openOwn('cifar10-resnet20', 'fp32', layer, false);
  expect((await inner.of(new Pieces([PICTURE]), never)).mean).toHaveLength(64);
  inner.close();
  await expect.poll(() => pool.holds(inner.model.key)).toBe(false);
  await expect(features.openOwn('cifar10-resnet20', 'fp32', { tensor: 'none', size: 1 }, true)).rejects.toThrow();
  await expect(features.openOwn('no-such-model', 'fp32', undefined, true)).rejects.toMatchObject({
    code: 'unknown_model',
  });
});
