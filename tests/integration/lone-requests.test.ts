import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MenagerieError } from '../../src/core/errors.js';
import { createFlow } from '../../src/core/queues/fair-queue.js';
import { MIB } from '../../src/core/units.js';
import { networkSpecOf } from '../../src/serving/loading/bring-up.js';
import { openRepository } from '../../src/zoo/open-repository.js';
import { findVariant } from '../../src/zoo/weights.js';
import { randomFrom } from '../support/drawn-digits.js';
import { answers, metric, postPicture } from '../support/http-client.js';
import { temporaryFolder } from '../support/model-folders.js';
import { best, once, specOf, turn } from '../support/networks.js';
import { startPool, startServer } from '../support/server.js';
import { instruct, instructPng, type LoadScript, until, Weights } from '../support/worker-script.js';

const MODELS = join(import.meta.dirname, '../../models');
const REAL = new URL('../../dist/runtime/workers/inside/worker-main.js', import.meta.url);

/** Two workers with a network, and an instance of it for lone requests where the options allow one. */
async function setUp(script: LoadScript = {}, options: Parameters<typeof startPool>[0] = {}, mib = 0) {
  const pool = startPool({ workers: 2, loneThreads: 3, ...options });
  const folder = await temporaryFolder();
  const weights = new Weights(join(folder, 'n.onnx'), script);
  await pool.load({ ...specOf('n', weights.file), bytes: mib * MIB }, 2);
  const outcome = await pool.lone.load('n');
  const run = (action: 'answer' | 'hold' | 'exit', picture: number, background = false) =>
    pool.run('n', once(instruct(action, picture)), { ...turn(), flow: createFlow({ background }) });
  /** Number of runs on the instance for lone requests. */
  const alone = () => weights.log.filter((line) => line === 'alone').length;
  return { pool, folder, weights, outcome, run, alone };
}

describe('an instance for lone requests', () => {
  it('is in one worker, with as many threads as are set, and runs what comes alone', async () => {
    const { pool, outcome, weights, run, alone } = await setUp();
    expect(outcome).toEqual({ threads: 3, bytes: expect.any(Number) });
    expect(pool.lone.get('n')).toEqual(outcome);
    expect(weights.log.filter((line) => line.startsWith('loaded'))).toHaveLength(3);
    expect(best(await run('answer', 4))).toBe(4);
    expect(alone()).toBe(1);
  });

  it('runs tensors that come alone', async () => {
    const { pool, alone } = await setUp();
    const feed = { name: 'x', type: 'float32', dims: [1], bytes: new Uint8Array(4) };
    expect(await pool.compute('n', [feed], ['x'], turn())).toMatchObject([{ name: 'x', dims: [1] }]);
    expect(alone()).toBe(1);
  });

  it('runs nothing of several that come together, or while another runs, or in the background', async () => {
    const { weights, run, alone, pool } = await setUp();
    await Promise.all([run('answer', 1), run('answer', 2), run('answer', 3)]);
    expect(alone()).toBe(0);

    await until(() => pool.workers.busy === 0, 'the workers to be free');
    const held = run('hold', 5);
    await weights.untilBegun(5);
    expect(alone()).toBe(1);
    expect(best(await run('answer', 6))).toBe(6);
    expect(alone()).toBe(1);
    weights.open(5);
    await held;

    await until(() => pool.workers.busy === 0, 'the workers to be free');
    expect(best(await run('answer', 7, true))).toBe(7);
    expect(alone()).toBe(1);
  });

  it('is there again when its worker was replaced', async () => {
    const { pool, run, alone } = await setUp();
    await expect(run('exit', 1)).rejects.toMatchObject({ code: 'worker_failed' });
    await until(() => pool.instances('n') === 2, 'the replacements');
    await until(() => pool.workers.busy === 0, 'the workers to be free');
    const before = alone();
    expect(best(await run('answer', 2))).toBe(2);
    expect(alone()).toBe(before + 1);
  });

  it('goes with its network', async () => {
    const { pool, weights } = await setUp();
    await pool.unload('n');
    expect(pool.lone.get('n')).toBeUndefined();
    expect(weights.log.filter((line) => line === 'unload')).toHaveLength(3);
  });

  it('is not there with one thread', async () => {
    const { outcome, run, alone } = await setUp({}, { loneThreads: 1 });
    expect(outcome).toBeUndefined();
    await run('answer', 1);
    expect(alone()).toBe(0);
  });

  it('that cannot be loaded does not keep its network from serving', async () => {
    const { pool, weights, run } = await setUp();
    await pool.lone.unload('n');
    weights.script({ load: 'fail' });
    expect(await pool.lone.load('n')).toMatchObject({ code: 'invalid_network' });
    expect(best(await run('answer', 3))).toBe(3);
  });
});

it('gives the scores that the other instances give', async () => {
  const lone: boolean[] = [];
  const events = { executed: (...[, , , alone]: [string, number, number, boolean]) => lone.push(alone) };
  const pool = startPool({ workers: 2, loneThreads: 3, batch: 1, script: REAL, events });
  const { models } = await openRepository([MODELS]);
  const model = models.get('efficientnet-lite0');
  if (!model) throw new Error('the bundled network is missing');
  await pool.load(networkSpecOf(model, findVariant(model, 'fp32'), { key: 'n', rows: undefined }), 2);
  expect(await pool.lone.load('n')).toMatchObject({ threads: 3 });
  const random = randomFrom(7);
  const data = Uint8Array.from({ length: 224 * 224 * 3 }, () => 256 * random());
  const run = (name: string) => pool.run('n', { name, rows: 1, data }, turn());
  const alone = await run('alone');
  const [first, second] = await Promise.all([run('first'), run('second')]);
  await until(() => lone.length === 3, 'all runs to be told of');
  expect(lone).toEqual([true, false, false]);
  expect(first.scores).toEqual(second.scores);
  expect(Math.max(...alone.scores.map((score, i) => Math.abs(score - (first.scores[i] ?? Number.NaN))))).toBeLessThan(
    1e-5,
  );
});

describe('where memory is short', () => {
  // A network of 100 MiB is expected to take 316 MiB beside the 96 of its worker.
  const memory = (mib: number) => ({ memory: { decodeBytes: 64 * MIB, share: mib * MIB, dataLimit: false } });

  it('there is no such instance, and the reason is said', async () => {
    const { pool, outcome, run, alone } = await setUp({}, memory(700), 100);
    expect(outcome).toBeInstanceOf(MenagerieError);
    expect(outcome).toMatchObject({ code: 'memory_exceeded', message: expect.stringContaining('twice') });
    expect(pool.lone.get('n')).toBeUndefined();
    expect(best(await run('answer', 1))).toBe(1);
    expect(alone()).toBe(0);
  });

  it('it leaves the room that decoding takes', async () => {
    const [tight, enough] = await Promise.all([791, 792].map((mib) => setUp({}, memory(mib), 100)));
    expect(tight?.outcome).toMatchObject({ code: 'memory_exceeded' });
    expect(enough?.outcome).toMatchObject({ threads: 3 });
  });

  it('it gives way to another network', async () => {
    const { pool, folder, run, alone } = await setUp({}, memory(800), 100);
    expect(pool.lone.get('n')).toBeDefined();
    const other = new Weights(join(folder, 'other.onnx'));
    await pool.load({ ...specOf('other', other.file), bytes: 10 * MIB }, 2);
    expect(pool.lone.get('n')).toBeUndefined();
    expect(best(await run('answer', 1))).toBe(1);
    expect(alone()).toBe(0);
  });

  it('it does not give way to a network that fits nowhere', async () => {
    const { pool, folder } = await setUp({}, memory(800), 100);
    const other = specOf('other', new Weights(join(folder, 'other.onnx')).file);
    await expect(pool.load({ ...other, bytes: 1000 * MIB }, 2)).rejects.toMatchObject({ code: 'memory_exceeded' });
    expect(pool.lone.get('n')).toBeDefined();
  });
});

describe('a server', () => {
  const costly = { manifests: { m: { macs: 2e9 } }, workers: 2, loneThreads: 2 };
  const servingOf = async (url: string) => {
    const reply = await fetch(`${url}/models/m`);
    return ((await reply.json()) as { serving: object }).serving;
  };

  it('has one for networks over 1 GMAC, and says how often it ran', async () => {
    const { url } = await startServer(costly);
    expect(await servingOf(url)).toMatchObject({ lone_instance: { threads: 2, bytes: expect.any(Number) } });
    for (let i = 0; i < 3; i++)
      expect(await answers(await postPicture(url, await instructPng('answer', i)))).toEqual([i]);
    expect(await metric(url, 'menagerie_executions_total')).toBe(3);
    expect(await metric(url, 'menagerie_lone_executions_total', { model: 'm' })).toBe(3);
    // They take 2 ms, which does not say that a picture takes longer under load than was measured.
    expect(await servingOf(url)).toMatchObject({ ms: 1 });
  });

  it('has none for others', async () => {
    const { url } = await startServer({ ...costly, manifests: { m: { macs: 1e9 } } });
    expect(await servingOf(url)).toMatchObject({ lone_instance: null });
    expect(await answers(await postPicture(url, await instructPng('answer', 1)))).toEqual([1]);
    expect(await metric(url, 'menagerie_executions_total')).toBe(1);
    expect(await metric(url, 'menagerie_lone_executions_total')).toBe(0);
  });
});
