import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createFlow } from '../../src/core/queues/fair-queue.js';
import type { Rows } from '../../src/runtime/instances/network.js';
import { randomFrom } from '../support/drawn-digits.js';
import { answers, codeOf, metric, postPicture } from '../support/http-client.js';
import { temporaryFolder } from '../support/model-folders.js';
import { best, never, once, specOf, turn } from '../support/networks.js';
import { CROPPED, startPool, startServer, type TestServer } from '../support/server.js';
import { instruct, instructPng, type LoadScript, until, Weights } from '../support/worker-script.js';

/** A pool with these networks in all of its workers; `runs` tells network and rows of every run. */
async function setUp(scripts: Record<string, LoadScript>, options: { workers?: number; batchDelayMs?: number } = {}) {
  const runs: [key: string, rows: number][] = [];
  const pool = startPool({ ...options, events: { executed: (key, rows) => runs.push([key, rows]) } });
  const folder = await temporaryFolder();
  const weights: Record<string, Weights> = {};
  for (const [key, script] of Object.entries(scripts)) {
    weights[key] = new Weights(join(folder, `${key}.onnx`), script);
    await pool.load(specOf(key, weights[key].file), pool.size);
  }
  const run = (key: string, picture: number, signal = never) =>
    pool.run(key, once(instruct('answer', picture)), turn(signal));
  /** Keeps a worker until it is let go. */
  const occupy = async (key: string, picture = 1) => {
    const running = pool.run(key, once(instruct('hold', picture)), turn());
    await weights[key]?.untilBegun(picture);
    return async () => {
      weights[key]?.open(picture);
      await running;
    };
  };
  return { pool, weights, runs, run, occupy };
}

/** Rows of the runs of a network. The last one may have been answered just now: it is told of next. */
async function rowsOf(runs: readonly [string, number][], key: string): Promise<number[]> {
  await nextTurn();
  return runs.flatMap(([network, rows]) => (network === key ? [rows] : []));
}

describe('networks that share a session', () => {
  it('run together on the same views, in one worker of several that are free', async () => {
    const script = { session: 's', offset: 0 };
    const scripts = { a: script, b: { ...script, offset: 1 }, c: { ...script, offset: 2 } };
    const { pool, weights, runs } = await setUp(scripts, { workers: 3 });
    const views = once(instruct('answer', 5));
    const results = await Promise.all(['a', 'b', 'c'].map((key) => pool.run(key, views, turn())));
    expect(results.map(best)).toEqual([5, 6, 7]);
    expect(weights.a?.log).toContain('batch of 3');
    // Each is charged what it would take alone; the request the time that passed.
    expect(await rowsOf(runs, 'b')).toEqual([1]);
    expect(results.reduce((sum, { inferenceMs }) => sum + inferenceMs, 0)).toBeCloseTo(2);
  });

  it('form batches of other views too, and one that fails does not fail the others', async () => {
    const script = { session: 's', batch: 4 };
    const { pool, weights, occupy } = await setUp({ a: script, b: { ...script, action: 'fail' } });
    const letGo = await occupy('a');
    const some = ['a', 'b', 'a'].map((key, i) => pool.run(key, once(instruct('answer', i)), turn()));
    const others = Promise.allSettled(some);
    await letGo();
    expect((await others).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(weights.a?.log).toContain('batch of 3');
  });

  it('are unloaded one by one', async () => {
    const { pool, occupy } = await setUp({ a: { session: 's' }, b: { session: 's' } });
    const letGo = await occupy('a');
    const views = once(instruct('answer', 3));
    const [kept, dropped] = [pool.run('a', views, turn()), pool.run('b', views, turn())];
    const refused = expect(dropped).rejects.toMatchObject({ code: 'model_not_loaded' });
    const unloading = pool.unload('b');
    await refused;
    await letGo();
    await unloading;
    expect(best(await kept)).toBe(3);
  });
});

describe('pictures that wait for busy workers', () => {
  it('go in batches of as many as their network takes, whoever sent them', async () => {
    const server = await startServer({ models: { m: { batch: 4 } } });
    const { url, pool, weights } = server;
    const running = postPicture(url, await instructPng('hold', 100));
    await weights.m?.untilBegun(100);
    const pictures = Array.from({ length: 10 }, (_, i) => i);
    const replies = pictures.map(async (picture) => postPicture(url, await instructPng('answer', picture)));
    await until(() => pool.waiting === 10, 'all to wait');
    weights.m?.open(100);
    expect((await running).status).toBe(200);
    expect(await Promise.all(replies.map(async (reply) => (await answers(await reply))[0]))).toEqual(pictures);
    expect(weights.m?.log.filter((line) => line.startsWith('batch'))).toEqual([4, 4, 2].map((n) => `batch of ${n}`));
    expect(await metric(url, 'menagerie_executions_total')).toBe(4);
    expect(await metric(url, 'menagerie_batch_size_sum')).toBe(11);
    expect(await metric(url, 'menagerie_batch_size_bucket', { le: '4' })).toBe(4);
  });

  it('meet in a batch whatever their size', async () => {
    const { url, pool, weights } = await startServer({ models: { m: { batch: 4 } } });
    const running = postPicture(url, await instructPng('hold', 100));
    await weights.m?.untilBegun(100);
    const replies = [1, 2].map(async (picture) => postPicture(url, await instructPng('answer', picture)));
    await until(() => pool.waiting === 2, 'the small ones to wait');
    replies.push(postPicture(url, await instructPng('answer', 3, 400)));
    await until(() => pool.waiting === 3, 'the large one to wait');
    weights.m?.open(100);
    await running;
    expect(await Promise.all(replies.map(async (reply) => (await answers(await reply))[0]))).toEqual([1, 2, 3]);
  });

  it('get one run each where the network takes one', async () => {
    const { weights, runs, run, occupy } = await setUp({ single: {} });
    const release = await occupy('single');
    const results = [2, 3, 4, 5, 6].map((picture) => run('single', picture));
    await release();
    expect((await Promise.all(results)).map(best)).toEqual([2, 3, 4, 5, 6]);
    expect(await rowsOf(runs, 'single')).toEqual([1, 1, 1, 1, 1, 1]);
    expect(weights.single?.log.some((line) => line.startsWith('batch'))).toBe(false);
  });

  it('never share a batch with those of another network', async () => {
    const { weights, runs, run, occupy } = await setUp({ a: { batch: 4 }, b: { batch: 8, offset: 5 } });
    const release = await occupy('a', 99);
    const pictures = Array.from({ length: 12 }, (_, i) => i);
    const results = pictures.map((picture) => run(picture % 2 ? 'a' : 'b', picture));
    await release();
    expect((await Promise.all(results)).map(best)).toEqual(pictures.map((i) => (i % 2 ? i : i + 5) % 10));
    expect(await rowsOf(runs, 'a')).toEqual([1, 4, 2]);
    expect(await rowsOf(runs, 'b')).toEqual([6]);
    expect(weights.a?.begun).toEqual([99, 1, 3, 5, 7, 9, 11]);
    expect(weights.b?.begun).toEqual([0, 2, 4, 6, 8, 10]);
  });

  it('fail alone where they are bad', async () => {
    const { url, pool, weights } = await startServer({ models: { m: { batch: 4 } } });
    const running = postPicture(url, await instructPng('hold', 100));
    await weights.m?.untilBegun(100);
    const send = async (picture: Promise<Buffer<ArrayBuffer>>) => postPicture(url, await picture);
    const good = [2, 3, 4].map((picture) => send(instructPng('answer', picture)));
    const bad = send(instructPng('fail', 5));
    await until(() => pool.waiting === 4, 'all to wait');
    weights.m?.open(100);
    await running;
    expect(await Promise.all(good.map(async (reply) => (await answers(await reply))[0]))).toEqual([2, 3, 4]);
    expect([(await bad).status, await codeOf(await bad)]).toEqual([500, 'internal']);
    expect(weights.m?.log).toContain('batch of 4');
  });

  it('are left out of the batch when they are given up', async () => {
    const { pool, weights, runs, run, occupy } = await setUp({ n: { batch: 4 } });
    const release = await occupy('n');
    const abort = new AbortController();
    const kept = [2, 3].map((picture) => run('n', picture));
    const given = [4, 5].map((picture) => run('n', picture, abort.signal));
    kept.push(...[6, 7].map((picture) => run('n', picture)));
    const refused = given.map((result) => expect(result).rejects.toThrow('gone'));
    abort.abort(new Error('gone'));
    await Promise.all(refused);
    expect(pool.waiting).toBe(4);
    await release();
    expect((await Promise.all(kept)).map(best)).toEqual([2, 3, 6, 7]);
    expect([weights.n?.begun, await rowsOf(runs, 'n')]).toEqual([
      [1, 2, 3, 6, 7],
      [1, 4],
    ]);
  });

  it('that have more rows than a batch has room are left for the next', async () => {
    const { pool, runs, occupy } = await setUp({ n: { batch: 4 } });
    const release = await occupy('n');
    const results = [3, 2, 1, 4, 1].map((rows) => pool.run('n', inputOf(Array(rows).fill(5)), turn()));
    await release();
    expect((await Promise.all(results)).map(({ scores }) => scores.length)).toEqual([30, 20, 10, 40, 10]);
    expect(await rowsOf(runs, 'n')).toEqual([1, 4, 3, 4]);
  });
});

describe('the crops of a picture', () => {
  it.each<[number, number[]]>([
    [1, Array(10).fill(1)],
    [4, [4, 4, 2]],
    [16, [10]],
  ])('run in pieces of as many as a network of batch %i takes', async (batch, sizes) => {
    const server: TestServer = await startServer({ models: { m: { batch } }, manifests: { m: CROPPED } });
    const reply = await postPicture(server.url, await instructPng('answer', 5), { query: 'model=m&crops=10' });
    expect(await answers(reply)).toEqual([5]);
    expect(server.weights.m?.begun).toEqual(Array(10).fill(5));
    expect(await metric(server.url, 'menagerie_executions_total')).toBe(sizes.length);
    expect(await metric(server.url, 'menagerie_batch_size_sum')).toBe(10);
  });
});

describe('a worker that is idle', () => {
  it('runs what there is at once', async () => {
    const { runs, run } = await setUp({ n: { batch: 4 } });
    for (const picture of [1, 2, 3]) expect(best(await run('n', picture))).toBe(picture);
    expect(await rowsOf(runs, 'n')).toEqual([1, 1, 1]);
  });

  it('waits for company where it is told to, but not for ever', async () => {
    const { runs, run } = await setUp({ n: { batch: 4 } }, { batchDelayMs: 50 });
    expect(best(await run('n', 1))).toBe(1);
    expect((await Promise.all([2, 3].map((picture) => run('n', picture)))).map(best)).toEqual([2, 3]);
    expect(await rowsOf(runs, 'n')).toEqual([1, 2]);
  });

  it('is not forgotten if it becomes due while the queue is looked at', async () => {
    const { run } = await setUp({ n: { batch: 4 } }, { batchDelayMs: 50 });
    // A machine so busy that time passes between any two looks at the clock.
    let now = performance.now();
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => {
      now += 49;
      return now;
    });
    onTestFinished(() => clock.mockRestore());
    for (let picture = 1; picture <= 5; picture++) expect(best(await run('n', picture))).toBe(picture);
  });

  it('runs a full batch without waiting any longer', async () => {
    // The delay is longer than a test may take.
    const { pool, runs, run } = await setUp({ n: { batch: 4 }, single: {} }, { batchDelayMs: 600_000 });
    const three = [1, 2, 3].map((picture) => run('n', picture));
    // What takes no company goes past those that wait for it.
    expect(best(await run('single', 7))).toBe(7);
    await nextTurn();
    expect([pool.waiting, pool.workers.busy]).toEqual([3, 0]);
    const fourth = run('n', 4);
    expect((await Promise.all([...three, fourth])).map(best)).toEqual([1, 2, 3, 4]);
    await nextTurn();
    expect(runs).toEqual([
      ['single', 1],
      ['n', 4],
    ]);
  });
});

let inputs = 0;

/** Some of several views that a scripted network sees, one after the other. */
function inputOf(pictures: readonly number[], from = 0, rows = pictures.length): Rows {
  const all = Uint8Array.from(pictures.flatMap((picture) => [...instruct('answer', picture).data]));
  const length = all.length / pictures.length;
  return { name: `input ${++inputs}`, data: all.subarray(from * length, (from + rows) * length), rows };
}

describe('four thousand inputs of three networks on three workers', () => {
  it('get their own answers, row by row', async () => {
    const [COUNT, BASE] = [4000, 25];
    const networks = { a: { batch: 8, offset: 0 }, b: { batch: 5, offset: 7 }, c: { batch: 1, offset: 11 } };
    const scripts = Object.entries(networks).map(([key, script]) => [key, { ...script, classes: BASE }] as const);
    const { pool, runs } = await setUp(Object.fromEntries(scripts), { workers: 3 });
    const random = randomFrom(1);
    const flows = Array.from({ length: 50 }, createFlow);
    const order = Array.from({ length: COUNT }, (_, i) => i).sort(() => random() - 0.5);
    const total = { a: 0, b: 0, c: 0 };
    const inputs = order.map(async (number) => {
      const key = (['a', 'b', 'c'] as const)[Math.floor(random() * 3)] ?? 'a';
      // Three digits are an input's number; some rows before and after them are not for it.
      const digits = [number % BASE, Math.floor(number / BASE) % BASE, Math.floor(number / BASE ** 2)];
      const [before, after] = [Math.floor(random() * 3), Math.floor(random() * 3)];
      const input = inputOf([...Array(before).fill(24), ...digits, ...Array(after).fill(24)], before, 3);
      total[key] += 3;
      const flow = flows[Math.floor(random() * flows.length)] ?? createFlow();
      const { scores } = await pool.run(key, input, { flow, cost: 0.1 + random(), ms: 1, signal: never });
      const rows = digits.map((_, i) => best({ scores: scores.slice(i * BASE, (i + 1) * BASE) }));
      return rows.map((row) => (row - networks[key].offset + BASE) % BASE).join() === digits.join();
    });
    expect((await Promise.all(inputs)).filter((right) => !right)).toEqual([]);
    for (const [key, { batch }] of Object.entries(networks)) {
      const rows = await rowsOf(runs, key);
      expect(rows.reduce((sum, one) => sum + one, 0)).toBe(total[key as keyof typeof total]);
      // An input of more rows than a batch holds runs alone.
      expect(Math.max(...rows)).toBeLessThanOrEqual(Math.max(3, batch));
    }
    expect((await rowsOf(runs, 'a')).filter((rows) => rows === 6).length).toBeGreaterThan(COUNT / 10);
    expect(pool.waiting).toBe(0);
  });
});
