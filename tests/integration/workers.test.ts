import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PLAIN_VIEW_OPTIONS } from '../../src/core/views/test-time.js';
import { geometryOf } from '../../src/core/views/views.js';
import type { NetworkSpec } from '../../src/runtime/networks/network-spec.js';
import type { WorkerPool } from '../../src/runtime/workers/pool.js';
import { temporaryFolder } from '../support/model-folders.js';
import { best, once, specOf, turn } from '../support/networks.js';
import { startPool } from '../support/server.js';
import { instruct, instructPng, type LoadScript, until, Weights } from '../support/worker-script.js';

async function network(key = 'n', script: LoadScript = {}): Promise<{ spec: NetworkSpec; weights: Weights }> {
  const weights = new Weights(join(await temporaryFolder(), 'n.onnx'), script);
  return { spec: specOf(key, weights.file), weights };
}

describe('work in the workers', () => {
  it('gives a worker one picture at a time, in the order they came', async () => {
    const pool = startPool();
    const { spec, weights } = await network();
    await pool.load(spec, 1);
    const first = pool.run('n', once(instruct('hold', 1)), turn());
    const others = [2, 3, 4, 5].map((picture) => pool.run('n', once(instruct('answer', picture)), turn()));
    await weights.untilBegun(1);
    expect(weights.begun).toEqual([1]);
    expect(pool.waiting).toBe(4);
    expect(pool.workers).toEqual({ alive: 1, busy: 1 });

    weights.open(1);
    const results = await Promise.all([first, ...others]);
    expect(results.map(best)).toEqual([1, 2, 3, 4, 5]);
    // Never two begun at once: every "run" is followed by its own "ran".
    expect(weights.log.filter((line) => /^ran? |^run /.test(line))).toEqual(
      [1, 2, 3, 4, 5].flatMap((picture) => [`run ${picture}`, `ran ${picture}`]),
    );
    expect(results.every(({ normaliseMs, inferenceMs }) => normaliseMs > 0 && inferenceMs > 0)).toBe(true);
    await until(() => pool.workers.busy === 0, 'the worker to be free');
  });

  it('works in all workers that hold the network at once', async () => {
    const pool = startPool({ workers: 3 });
    const { spec, weights } = await network();
    await pool.load(spec, 2);
    const runs = [1, 2, 3].map((picture) => pool.run('n', once(instruct('hold', picture)), turn()));
    await weights.untilBegun(1, 2);
    expect(pool.workers).toEqual({ alive: 3, busy: 2 });
    expect(weights.begun).not.toContain(3);
    for (const picture of [2, 1, 3]) weights.open(picture);
    expect((await Promise.all(runs)).map(best)).toEqual([1, 2, 3]);
  });

  it('never begins what was given up while it waited', async () => {
    const pool = startPool();
    const { spec, weights } = await network();
    await pool.load(spec, 1);
    const running = pool.run('n', once(instruct('hold', 1)), turn());
    await weights.untilBegun(1);
    const [abort, reason] = [new AbortController(), new Error('gone')];
    const given = pool.run('n', once(instruct('answer', 2)), turn(abort.signal));
    const after = pool.run('n', once(instruct('answer', 3)), turn());
    abort.abort(reason);
    await expect(given).rejects.toBe(reason);
    expect(pool.waiting).toBe(1);
    await expect(pool.run('n', once(instruct('answer', 4)), turn(abort.signal))).rejects.toBe(reason);
    weights.open(1);
    await Promise.all([running, after]);
    expect(weights.begun).toEqual([1, 3]);
  });

  it('ends the waiting, not the worker, when a picture that is worked on is given up', async () => {
    const pool = startPool();
    const { spec, weights } = await network();
    await pool.load(spec, 1);
    const abort = new AbortController();
    const run = pool.run('n', once(instruct('hold', 1)), turn(abort.signal));
    await weights.untilBegun(1);
    abort.abort(new Error('late'));
    await expect(run).rejects.toThrow('late');
    const next = pool.run('n', once(instruct('answer', 2)), turn());
    weights.open(1);
    expect(best(await next)).toBe(2);
  });

  it('passes an error of the network on and keeps the worker', async () => {
    const replaced: string[] = [];
    const pool = startPool({ events: { workerReplaced: (_worker, reason) => replaced.push(reason) } });
    const { spec } = await network();
    await pool.load(spec, 1);
    await expect(pool.run('n', once(instruct('fail')), turn())).rejects.toMatchObject({ code: 'internal' });
    expect(best(await pool.run('n', once(instruct('answer', 2)), turn()))).toBe(2);
    expect(replaced).toEqual([]);
  });
});

describe('loading and unloading', () => {
  it('unloads when what has begun is finished, and refuses what still waits', async () => {
    const pool = startPool();
    const { spec, weights } = await network();
    await pool.load(spec, 1);
    const running = pool.run('n', once(instruct('hold', 1)), turn());
    const waiting = pool.run('n', once(instruct('answer', 2)), turn());
    await weights.untilBegun(1);
    let unloaded = false;
    const unloading = pool.unload('n').then(() => {
      unloaded = true;
    });
    await expect(waiting).rejects.toMatchObject({ code: 'model_not_loaded' });
    expect(unloaded).toBe(false);
    weights.open(1);
    expect(best(await running)).toBe(1);
    await unloading;
    expect(weights.log.slice(-2)).toEqual(['ran 1', 'unload']);
  });

  it('refuses a network that is in no worker instead of letting it wait for ever', async () => {
    const pool = startPool();
    await expect(pool.run('nothing', once(instruct('answer')), turn())).rejects.toMatchObject({
      code: 'model_not_loaded',
    });
  });

  it('leaves a network in no worker when it could not be loaded into all of them', async () => {
    const pool = startPool({ workers: 2 });
    const { spec, weights } = await network('n', { load: 'fail-second' });
    await expect(pool.load(spec, 2)).rejects.toMatchObject({ code: 'invalid_network' });
    expect(weights.log.at(-1)).toBe('unload');
    await expect(pool.run('n', once(instruct('answer')), turn())).rejects.toMatchObject({ code: 'model_not_loaded' });
  });

  it('serves other networks while one is being loaded', async () => {
    const pool = startPool({ workers: 2 });
    const [served, slow] = [await network('served'), await network('slow', { load: 'hold' })];
    await pool.load(served.spec, 2);
    const loading = pool.load(slow.spec, 2);
    await until(() => slow.weights.log.includes('load'), 'loading to begin');
    for (const picture of [1, 2, 3]) {
      expect(best(await pool.run('served', once(instruct('answer', picture)), turn()))).toBe(picture);
    }
    slow.weights.open('load');
    await loading;
    expect(best(await pool.run('slow', once(instruct('answer', 6)), turn()))).toBe(6);
  });
});

describe('a worker that is given the next work ahead', () => {
  it('begins it when it is done with the first, and no other waits in its hand', async () => {
    const pool = startPool({ aheadMs: 1000 });
    const { spec, weights } = await network();
    await pool.load(spec, 1);
    const runs = [1, 2, 3, 4].map((picture) => pool.run('n', once(instruct('hold', picture)), turn()));
    await weights.untilBegun(1);
    expect([pool.waiting, weights.begun]).toEqual([2, [1]]);
    for (const picture of [4, 3, 2, 1]) weights.open(picture);
    expect((await Promise.all(runs)).map(best)).toEqual([1, 2, 3, 4]);
    expect(weights.begun).toEqual([1, 2, 3, 4]);
  });

  it('never begins what was given up in its hand', async () => {
    const pool = startPool({ aheadMs: 1000 });
    const { spec, weights } = await network();
    await pool.load(spec, 1);
    const abort = new AbortController();
    const running = pool.run('n', once(instruct('hold', 1)), turn());
    const given = pool.run('n', once(instruct('answer', 2)), turn(abort.signal));
    const after = pool.run('n', once(instruct('answer', 3)), turn());
    await weights.untilBegun(1);
    abort.abort(new Error('gone'));
    await expect(given).rejects.toThrow('gone');
    weights.open(1);
    expect((await Promise.all([running, after])).map(best)).toEqual([1, 3]);
    expect(weights.begun).toEqual([1, 3]);
  });

  it('gives it back to others when the first takes long', async () => {
    const pool = startPool({ workers: 2, aheadMs: 1000 });
    const { spec, weights } = await network();
    await pool.load(spec, 2);
    const held = [1, 2].map((picture) => pool.run('n', once(instruct('hold', picture)), turn()));
    await weights.untilBegun(1, 2);
    const ahead = [3, 4].map((picture) => pool.run('n', once(instruct('answer', picture)), turn()));
    // Work is handed out when all that comes together is there.
    await Promise.resolve();
    expect(pool.waiting).toBe(0);
    weights.open(2);
    expect((await Promise.all(ahead)).map(best)).toEqual([3, 4]);
    expect(weights.log).not.toContain('ran 1');
    weights.open(1);
    expect((await Promise.all(held)).map(best)).toEqual([1, 2]);
  });

  it('is given nothing behind what is expected to take long, nor behind a large picture', async () => {
    const pool = startPool({ aheadMs: 10 });
    const { spec, weights } = await network();
    await pool.load(spec, 1);
    const long = pool.run('n', once(instruct('hold', 1)), { ...turn(), ms: 11 });
    const large = classify(pool, await instructPng('hold', 2), true);
    const last = pool.run('n', once(instruct('answer', 3)), turn());
    await weights.untilBegun(1);
    expect(pool.waiting).toBe(2);
    weights.open(1);
    await weights.untilBegun(2);
    expect(pool.waiting).toBe(1);
    weights.open(2);
    expect((await Promise.all([long, large, last])).map(best)).toEqual([1, 2, 3]);
  });
});

/** Has a picture done whole. */
function classify(pool: WorkerPool, bytes: Uint8Array, heavy = false) {
  return pool.classify('n', { bytes, heavy }, { autoOrient: true, viewOptions: PLAIN_VIEW_OPTIONS }, 1, turn());
}

describe('pictures', () => {
  it('that are large leave one worker to the others', async () => {
    const pool = startPool({ workers: 2 });
    const { spec, weights } = await network();
    await pool.load(spec, 2);
    const large = await Promise.all([1, 2].map((picture) => instructPng('hold', picture)));
    const [first, second] = large.map((bytes) => classify(pool, bytes, true));
    await weights.untilBegun(1);
    for (const picture of [3, 4])
      expect(best(await classify(pool, await instructPng('answer', picture)))).toBe(picture);
    expect([pool.waiting, weights.begun]).toEqual([1, [1, 3, 4]]);
    for (const picture of [1, 2]) weights.open(picture);
    expect((await Promise.all([first, second])).map((result) => result && best(result))).toEqual([1, 2]);
  });

  it('are taken whole by the only worker, however large', async () => {
    const pool = startPool();
    const { spec } = await network();
    await pool.load(spec, 1);
    expect(pool.takesWhole('n', true)).toBe(true);
    const result = await classify(pool, await instructPng('answer', 3), true);
    expect(result).toMatchObject({ picture: { width: 8, height: 8, format: 'png' }, counts: [1] });
    expect(best(result)).toBe(3);
  });

  it('are decoded by workers of their own where there are some, and networks are in the others only', async () => {
    const pool = startPool({ workers: 1, renderers: 2 });
    const { spec, weights } = await network();
    await pool.load(spec, 1);
    expect([pool.size, pool.instances('n'), pool.workers.alive]).toEqual([1, 1, 3]);
    expect([pool.takesWhole('n', false), pool.takesWhole('n', true)]).toEqual([false, false]);
    const running = pool.run('n', once(instruct('hold', 1)), turn());
    await weights.untilBegun(1);
    const { picture, renderings } = await pool.render(
      { bytes: await instructPng('answer', 2), heavy: false },
      { autoOrient: true, renderings: [{ geometry: geometryOf(spec), viewOptions: PLAIN_VIEW_OPTIONS }] },
      turn(),
    );
    expect(picture).toMatchObject({ width: 8, height: 8, format: 'png' });
    expect(renderings.map(({ counts, pixels }) => [counts, pixels.length])).toEqual([[[1], 8 * 8 * 3]]);
    weights.open(1);
    await running;
  });
});
