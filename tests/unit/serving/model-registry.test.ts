import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Conclusion } from '../../../src/serving/answering/conclude.js';
import { ModelRegistry } from '../../../src/serving/loading/model-registry.js';
import type { ModelState } from '../../../src/serving/models/model.js';
import { openRepository } from '../../../src/zoo/open-repository.js';
import { manifestOf, temporaryFolder, writeTree } from '../../support/model-folders.js';

const INFO = {
  session: 's',
  headBytes: 0,
  provider: 'cpu',
  layersOnCpu: [],
  sha256: 'ab'.repeat(32),
  classes: 2,
  batch: 1,
} as const;

/** A registry of one model over a pool in which workers come and go as the test says. */
async function setUp() {
  const folder = await temporaryFolder();
  await writeTree(folder, { 'm/manifest.json': manifestOf('m'), 'm/labels.txt': 'one\ntwo' });
  await writeFile(join(folder, 'm', 'm.onnx'), 'weights');
  const workers = { holding: 0, alive: 0 };
  const states: [ModelState, string | undefined][] = [];
  let key = '';
  const registry = new ModelRegistry({
    repository: await openRepository([folder]),
    named: [],
    pool: {
      load: async (spec) => {
        key = spec.key;
        workers.holding = workers.alive = 1;
        await whileLoading();
        return { ...INFO, layersOnCpu: [], loadMs: 1, warmupMs: 1, viewMs: 1 };
      },
      unload: async () => {
        workers.holding = workers.alive = 0;
      },
      lone: { load: async () => undefined, get: () => ({ threads: 2, bytes: 1 }) },
      holds: () => workers.holding > 0,
      instances: () => workers.alive,
    },
    answerer: {
      answer: () =>
        Promise.reject(new Error('there is no golden picture')) as Promise<
          { answer: never; timings: never } & Conclusion
        >,
    },
    allowUntrained: false,
    countMacs: async () => 1e6,
    instances: 1,
    tuned: new Map(),
    events: {
      executed() {},
      modelLoaded() {},
      loneInstance() {},
      modelRemoved() {},
      modelStateChanged: (_model, state, reason) => states.push([state, reason]),
    },
  });
  let whileLoading: () => Promise<void> = async () => {};
  const during = (what: () => Promise<void>) => {
    whileLoading = what;
  };
  const workerDies = () => {
    workers.alive = 0;
    registry.instancesChanged(key);
  };
  const workerIsReplaced = () => {
    workers.alive = 1;
    registry.instancesChanged(key);
  };
  const networkIsLost = () => {
    workers.holding = workers.alive = 0;
    registry.instancesChanged(key);
    registry.networkLost(key, 'it no longer loads');
  };
  return { registry, states, during, workerDies, workerIsReplaced, networkIsLost };
}

it('a model is ready only while a worker answers for it', async () => {
  const { registry, workerDies, workerIsReplaced, networkIsLost } = await setUp();
  registry.expect(['m']);
  await registry.load('m');
  expect([registry.ready, (await registry.status('m')).state]).toEqual([true, 'ready']);
  workerDies();
  expect([registry.ready, (await registry.status('m')).state]).toEqual([false, 'loading']);
  // Requests wait for the worker that takes its place.
  (await registry.hold('m')).release();
  workerIsReplaced();
  expect([registry.ready, (await registry.status('m')).reason]).toEqual([true, undefined]);
  networkIsLost();
  expect(await registry.status('m')).toMatchObject({ state: 'failed', reason: 'it no longer loads' });
  await expect(registry.hold('m')).rejects.toMatchObject({ code: 'model_failed' });
});

it('a model whose worker dies before it is registered becomes ready when that is replaced', async () => {
  const { registry, states, during, workerDies, workerIsReplaced } = await setUp();
  during(async () => workerDies());
  await registry.load('m');
  expect(states.at(-1)).toEqual(['loading', 'the worker that held it is being replaced']);
  workerIsReplaced();
  expect(states.at(-1)).toEqual(['ready', undefined]);
});

it('a model whose network is lost before it is registered fails, and can be loaded again', async () => {
  const { registry, states, during, networkIsLost } = await setUp();
  during(async () => networkIsLost());
  await expect(registry.load('m')).rejects.toMatchObject({ code: 'worker_failed' });
  expect(states.at(-1)).toEqual(['failed', 'The workers that had loaded it died.']);
  during(async () => {});
  await registry.load('m');
  expect(states.at(-1)).toEqual(['ready', undefined]);
});

it('a model is expected to take what it takes under load, and never more than a lone request shows', async () => {
  const { registry } = await setUp();
  const served = await registry.load('m');
  expect(served.viewMs).toBe(1);
  // On two threads: with one it may take up to 1.6 ms.
  registry.executed(served.key, 1, 0.8, true);
  expect(served.viewMs).toBe(1);
  // Up to 0.5 ms; a tenth of the difference counts.
  registry.executed(served.key, 2, 0.5, true);
  expect(served.viewMs).toBeCloseTo(0.95);
  registry.executed(served.key, 2, 3, false);
  expect(served.viewMs).toBeCloseTo(0.95 + 0.1 * (1.5 - 0.95));
});
