import { readFileSync, rmSync } from 'node:fs';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import sharp from 'sharp';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createNormalise } from '../../src/core/pixels/normalise.js';
import { createRandom } from '../../src/core/random.js';
import { Network, type Rows } from '../../src/runtime/instances/network.js';
import { runTogether } from '../../src/runtime/instances/run-together.js';
import { Sessions } from '../../src/runtime/instances/sessions.js';
import { InputTensor } from '../../src/runtime/networks/input-tensor.js';
import type { NetworkSpec } from '../../src/runtime/networks/network-spec.js';
import type { WorkerPool } from '../../src/runtime/workers/pool.js';
import { processStatus } from '../../src/runtime/workers/process/worker-memory.js';
import { baseFileOf } from '../../src/serving/loading/base-file.js';
import { networkSpecOf } from '../../src/serving/loading/bring-up.js';
import { openRepository } from '../../src/zoo/open-repository.js';
import { findVariant, weightsPath } from '../../src/zoo/weights.js';
import { BUNDLED, backboneIn, bundledModel, headModel, noise, REAL_WORKER, randomHead } from '../support/heads.js';
import { temporaryFolder, writeTree } from '../support/model-folders.js';
import { turn } from '../support/networks.js';
import { startPool, startServer } from '../support/server.js';
import { until } from '../support/worker-script.js';

const BASE = 'cifar10-nin';
const SIZE = 128;
const MIB = 1024 * 1024;
const base = await bundledModel(BASE);
const backbone = backboneIn(base);

/** The specs of the base and of models in a new folder, as the server loads them. */
async function specsOf(
  files: Parameters<typeof writeTree>[1],
): Promise<{ folder: string; spec(id: string): NetworkSpec }> {
  const folder = await temporaryFolder();
  await writeTree(folder, files);
  const repository = await openRepository([BUNDLED, folder]);
  const spec = (id: string) => {
    const model = repository.models.get(id);
    if (!model) throw new Error(`there is no ${id}`);
    return networkSpecOf(model, findVariant(model), { key: id, rows: undefined, base: baseFileOf(repository, model) });
  };
  return { folder, spec };
}

function pixelsOf(seed: number, name = `views ${seed}`): Rows {
  const random = createRandom(seed);
  return { name, rows: 1, data: Uint8Array.from({ length: 3 * 32 * 32 }, () => random.integer(256)) };
}

/** What the file answers in a session of its own. */
async function aloneOf({ file, input, preprocess }: NetworkSpec, { data }: Rows, output = 'logits') {
  const session = await InferenceSession.create(new Uint8Array(readFileSync(file)), { intraOpNumThreads: 1 });
  onTestFinished(() => session.release());
  const values = new Float32Array(data.length);
  createNormalise(preprocess, input.layout, 'float32')(data, values);
  return (await session.run({ [input.name]: new Tensor('float32', values, [1, 3, 32, 32]) }))[output]?.data;
}

const scoresOf = async (pool: WorkerPool, id: string, views: Rows) => (await pool.run(id, views, turn())).scores;

const two = async () => {
  const known = noise(SIZE, 9);
  const length = Math.hypot(...known);
  return specsOf({
    ...headModel('a', base, randomHead(SIZE, 3, 1)),
    ...headModel(
      'b',
      base,
      randomHead(
        SIZE,
        5,
        3,
        known.map((x) => x / length),
      ),
      { above: 0.5 },
    ),
  });
};

describe('heads on a base', () => {
  test('share its session, and answer as their files do alone', async () => {
    const { spec } = await two();
    const pool = startPool({ script: REAL_WORKER });
    const [own, a, b] = [await pool.load(spec(BASE), 1), await pool.load(spec('a'), 1), await pool.load(spec('b'), 1)];
    expect([a.session, b.session]).toEqual([own.session, own.session]);
    expect([own.headBytes, a.features, b.features, b.batch]).toEqual([0, SIZE, SIZE, own.batch]);
    expect(a.headBytes).toBeGreaterThan(3 * SIZE * 4);
    expect(a.headBytes).toBeLessThan(3 * SIZE * 4 + 1000);
    const views = pixelsOf(1);
    const [ofBase, ofA, ofB, features] = await Promise.all([
      scoresOf(pool, BASE, views),
      scoresOf(pool, 'a', views),
      pool.run('b', views, turn()),
      pool.run('a', views, turn(), 'features'),
    ]);
    expect(ofBase).toEqual(await aloneOf(spec(BASE), views));
    expect(ofA).toEqual(await aloneOf(spec('a'), views));
    expect(ofB.scores).toEqual(await aloneOf(spec('b'), views));
    expect(ofB.distances).toEqual(await aloneOf(spec('b'), views, 'distance'));
    expect(features.scores).toHaveLength(SIZE);
  });

  test('may come before it and stay when it goes', async () => {
    const { spec } = await two();
    const pool = startPool({ script: REAL_WORKER });
    const a = await pool.load(spec('a'), 1);
    expect((await pool.load(spec(BASE), 1)).session).toBe(a.session);
    expect((await pool.load(spec('b'), 1)).session).toBe(a.session);
    const views = pixelsOf(2);
    await pool.unload(BASE);
    await pool.unload('b');
    expect(await scoresOf(pool, 'a', views)).toEqual(await aloneOf(spec('a'), views));
    await pool.unload('a');
    await pool.load(spec('b'), 1);
    expect(await scoresOf(pool, 'b', views)).toEqual(await aloneOf(spec('b'), views));
  });

  test('answer in the replacement of a worker that was killed', async () => {
    const { spec } = await two();
    const pool = startPool({ script: REAL_WORKER });
    for (const id of ['b', BASE, 'a']) await pool.load(spec(id), 1);
    const [pid = 0] = pool.pids;
    process.kill(pid, 'SIGKILL');
    await until(() => pool.pids.length === 1 && pool.pids[0] !== pid, 'a replacement');
    const views = pixelsOf(3);
    for (const id of ['a', 'b', BASE]) expect(await scoresOf(pool, id, views)).toEqual(await aloneOf(spec(id), views));
  });

  test('go to the worker that holds it', async () => {
    const { spec } = await two();
    const busy: number[] = [];
    const events = { workerBusy: (worker: number) => void busy.push(worker) };
    const pool = startPool({ script: REAL_WORKER, workers: 2, events });
    for (const id of [BASE, 'a', 'b']) await pool.load(spec(id), 1);
    for (const [i, id] of [BASE, 'a', 'b'].entries()) await scoresOf(pool, id, pixelsOf(10 + i));
    await until(() => busy.length === 3, 'the workers to be done');
    expect(new Set(busy).size).toBe(1);
  });

  test('cost little memory', async () => {
    const large = await bundledModel('efficientnet-lite0');
    const cut = backboneIn(large);
    const ids = Array.from({ length: 6 }, (_, i) => `head-${i}`);
    const { spec } = await specsOf(
      Object.assign({}, ...ids.map((id, i) => headModel(id, large, randomHead(cut.size, 5, i), { backbone: cut }))),
    );
    const pool = startPool({ script: REAL_WORKER, batch: 1 });
    await pool.load(spec('efficientnet-lite0'), 1);
    const [pid] = pool.pids;
    const before = processStatus(pid)?.held ?? 0;
    for (const id of ids) await pool.load(spec(id), 1);
    // Each would hold more than 20 MiB of weights of its own, beside what reading its file takes for a moment.
    expect((processStatus(pid)?.held ?? 0) - before).toBeLessThan(70 * MIB);
  });
});

describe('a session of their own is for heads', () => {
  test('whose file has other weights than the base', async () => {
    const other = Uint8Array.from(backbone.bytes);
    // The least of some float in the middle of the weights.
    other[other.length >> 1] = (other[other.length >> 1] ?? 0) ^ 1;
    const { spec } = await specsOf(
      headModel('a', base, randomHead(SIZE, 3, 1), { backbone: { ...backbone, bytes: other } }),
    );
    const pool = startPool({ script: REAL_WORKER });
    const own = await pool.load(spec(BASE), 1);
    const a = await pool.load(spec('a'), 1);
    expect(a.session).not.toBe(own.session);
    expect([a.headBytes, a.features]).toEqual([0, SIZE]);
    const views = pixelsOf(4);
    expect(await scoresOf(pool, 'a', views)).toEqual(await aloneOf(spec('a'), views));
  });

  test('whose base is gone, or another file by now', async () => {
    const copy = { ...base, id: 'copy' };
    const file = findVariant(base).file;
    const { $schema: _, ...manifest } = base.manifest;
    const { folder, spec } = await specsOf({
      'copy/manifest.json': { ...manifest, id: 'copy', labels: './labels.txt', golden: undefined },
      'copy/labels.txt': base.labels.map(({ name }) => name).join('\n'),
      [`copy/${file}`]: readFileSync(weightsPath(base, findVariant(base))),
      ...headModel('a', copy, randomHead(SIZE, 3, 1)),
    });
    const views = pixelsOf(5);
    const expected = await aloneOf(spec('a'), views);
    for (const change of [
      () => writeTree(folder, { [`copy/${file}`]: 'changed' }),
      () => rmSync(`${folder}/copy/${file}`),
    ]) {
      await change();
      const pool = startPool({ script: REAL_WORKER });
      expect((await pool.load(spec('a'), 1)).headBytes).toBe(0);
      expect(await scoresOf(pool, 'a', views)).toEqual(expected);
    }
  });
});

test('networks on one session run it once on equal views, and together on others', async () => {
  const { spec } = await two();
  const sessions = new Sessions();
  const load = (id: string) => Network.load(spec(id), { device: 'cpu', threads: 1, batch: 4 }, sessions);
  const [own, a, b] = [await load(BASE), await load('a'), await load('b')];
  onTestFinished(() => Promise.all([own, a, b].map((network) => network.release())).then(() => {}));
  const runs = vi.spyOn(own.forward.runnable.session.session, 'run');
  const [first, second] = [pixelsOf(6), pixelsOf(7)];
  const asked = [
    { network: a, input: first, wants: 'scores' },
    { network: own, input: first, wants: 'scores' },
    { network: b, input: first, wants: 'scores' },
    { network: a, input: first, wants: 'features' },
    { network: b, input: second, wants: 'scores' },
  ] as const;
  const { outcomes } = await runTogether(asked, new InputTensor());
  expect(runs).toHaveBeenCalledTimes(1);
  const alone = [];
  for (const each of asked) alone.push(...(await runTogether([each], new InputTensor())).outcomes);
  expect(runs).toHaveBeenCalledTimes(1 + asked.length);
  for (const [i, outcome] of outcomes.entries()) {
    const other = alone[i];
    if ('error' in outcome || !other || 'error' in other) throw new Error('it failed');
    // A run of two rows may round otherwise than one of one row.
    for (const [k, score] of outcome.scores.entries()) expect(score).toBeCloseTo(other.scores[k] ?? Number.NaN, 4);
    expect(outcome.distances?.length).toBe(other.distances?.length);
  }
});

describe('heads on a base that runs', () => {
  const settings = { device: 'cpu', threads: 1 } as const;

  test('are tried without running it', async () => {
    const { spec } = await two();
    const sessions = new Sessions();
    const own = await Network.load(spec(BASE), settings, sessions);
    const runs = vi.spyOn(own.forward.runnable.session.session, 'run');
    const b = await Network.load(spec('b'), settings, sessions);
    onTestFinished(() => Promise.all([own.release(), b.release()]).then(() => {}));
    expect(runs).not.toHaveBeenCalled();
    expect(b.info.session).toBe(own.info.session);
    expect(b.info).toMatchObject({ batch: own.info.batch, viewMs: own.info.viewMs, features: SIZE, classes: 5 });
    // One that normalises otherwise sees other tensors.
    const other = spec('a');
    const a = await Network.load(
      { ...other, preprocess: { ...other.preprocess, scale: other.preprocess.scale / 2 } },
      settings,
      sessions,
    );
    onTestFinished(() => a.release());
    expect(runs).toHaveBeenCalled();
    expect(a.info.session).toBe(own.info.session);
  });

  test('are refused for what they are refused for alone', async () => {
    const nan = randomHead(SIZE, 3, 1);
    nan.weights[0] = Number.NaN;
    const { spec } = await specsOf({
      ...headModel('a', base, randomHead(SIZE, 3, 1)),
      ...headModel('nan', base, nan),
    });
    const faulty = {
      signature_mismatch: { ...spec('a'), labels: 4 },
      scores_not_finite: spec('nan'),
    };
    for (const [code, each] of Object.entries(faulty)) {
      await expect(Network.load(each, settings, new Sessions())).rejects.toMatchObject({ code });
      const sessions = new Sessions();
      const own = await Network.load(spec(BASE), settings, sessions);
      onTestFinished(() => own.release());
      await expect(Network.load(each, settings, sessions)).rejects.toMatchObject({ code });
      expect(own.forward.runnable.session.users).toBe(1);
    }
  });
});

describe('a server with heads', () => {
  test('says of which pictures a model knows nothing, alone and in an ensemble', async () => {
    const picture = await sharp(Buffer.from(pixelsOf(8).data), { raw: { width: 32, height: 32, channels: 3 } })
      .png()
      .toBuffer();
    const { spec } = await specsOf({});
    const pool = startPool({ script: REAL_WORKER });
    await pool.load(spec(BASE), 1);
    const features = (await pool.run(BASE, pixelsOf(8), turn(), 'features')).scores;
    const length = Math.hypot(...features);
    const same = features.map((x) => x / length);
    const server = await startServer({
      script: REAL_WORKER,
      models: {},
      directories: [BUNDLED],
      files: {
        ...headModel('knows', base, randomHead(SIZE, 3, 1, same), { above: 0.01 }),
        ...headModel(
          'does-not',
          base,
          randomHead(
            SIZE,
            3,
            3,
            same.map((x) => -x),
          ),
          { above: 0.01 },
        ),
        ...headModel('silent', base, randomHead(SIZE, 3, 5)),
      },
      load: ['knows', 'does-not', 'silent'],
    });
    const ask = async (path: string) => {
      const reply = await fetch(`${server.url}/${path}`, { method: 'POST', body: new Uint8Array(picture) });
      const { results } = (await reply.json()) as {
        results: { unknown?: boolean; members?: { unknown?: boolean }[] }[];
      };
      return results[0];
    };
    expect((await ask('classify?model=knows'))?.unknown).toBe(false);
    expect((await ask('classify?model=does-not&crops=1&tta=mirror'))?.unknown).toBe(true);
    expect(await ask('classify?model=silent')).not.toHaveProperty('unknown');
    const all = await ask('ensemble?models=knows,does-not,silent&weights=1,3,1');
    expect(all?.unknown).toBe(true);
    expect(all?.members?.map(({ unknown }) => unknown)).toEqual([false, true, undefined]);
    const sessions = new Set(server.registry.serving.map(({ info }) => info.session));
    expect([server.registry.serving.length, sessions.size]).toEqual([3, 1]);
  });
});
