import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Action, instruct, type LoadScript, until, Weights } from '../support/lane-script.js';
import { temporaryFolder } from '../support/model-folders.js';
import { best, once, specOf, turn } from '../support/networks.js';
import { startPool } from '../support/server.js';

/** The worker threads of this process that run. */
function threads(): number {
  return (process.report.getReport() as unknown as { workers: unknown[] }).workers.length;
}

/** A pool with the networks `n` and `other` in every lane, and a record of what befalls the lanes. */
async function setUp({ lanes = 1, runTimeoutMs = 20_000, script = {} as LoadScript } = {}) {
  const replaced: { lane: number; reason: string }[] = [];
  const lost: { key: string; reason: string; remaining: number }[] = [];
  const pool = startPool({
    lanes,
    runTimeoutMs,
    events: {
      laneReplaced: (lane, reason) => replaced.push({ lane, reason }),
      networkLost: (key, reason, remaining) => lost.push({ key, reason, remaining }),
    },
  });
  const folder = await temporaryFolder();
  const [weights, other] = [new Weights(join(folder, 'n.onnx'), script), new Weights(join(folder, 'other.onnx'))];
  await pool.load(specOf('n', weights.file), lanes);
  await pool.load(specOf('other', other.file), lanes);
  const loads = () => weights.log.filter((line) => line.startsWith('loaded')).length;
  return { pool, weights, other, replaced, lost, loads };
}

describe('a lane that dies', () => {
  const ways: [Action, RegExp][] = [
    ['exit', /exited with code 3/],
    ['crash', /crashed: scripted crash/],
  ];
  it.each(ways)('fails only the picture it worked on and comes back with its networks (%s)', async (action, reason) => {
    const { pool, replaced, lost, loads } = await setUp();
    const fatal = pool.run('n', once(instruct(action)), turn());
    const waiting = [1, 2].map((picture) => pool.run('n', once(instruct('answer', picture)), turn()));
    const others = pool.run('other', once(instruct('answer', 3)), turn());
    await expect(fatal).rejects.toMatchObject({ code: 'lane_failed', retryAfterS: 1 });
    expect((await Promise.all([...waiting, others])).map(best)).toEqual([1, 2, 3]);
    expect(replaced).toEqual([{ lane: 0, reason: expect.stringMatching(reason) }]);
    expect(loads()).toBe(2);
    expect(lost).toEqual([]);
    expect(pool.lanes).toMatchObject({ alive: 1 });
  });

  it('leaves the work of its neighbours alone', async () => {
    const { pool, weights } = await setUp({ lanes: 2 });
    const neighbour = pool.run('n', once(instruct('hold', 1)), turn());
    await weights.untilBegun(1);
    await expect(pool.run('n', once(instruct('exit')), turn())).rejects.toMatchObject({ code: 'lane_failed' });
    weights.open(1);
    expect(best(await neighbour)).toBe(1);
  });

  it.each(['block', 'ignore'] as const)('is replaced when it hangs, while the other serves (%s)', async (action) => {
    const { pool, weights, replaced } = await setUp({ lanes: 2, runTimeoutMs: 400 });
    const hung = pool.run('n', once(instruct(action, 9)), turn());
    await weights.untilBegun(9);
    for (const picture of [1, 2, 3]) {
      expect(best(await pool.run('n', once(instruct('answer', picture)), turn()))).toBe(picture);
    }
    expect(replaced).toEqual([]);
    await expect(hung).rejects.toMatchObject({ code: 'lane_failed', cause: 'no answer within 400 ms' });
    await until(() => pool.lanes.alive === 2, 'the lane to be replaced');
    expect(replaced).toHaveLength(1);
  });

  it('that dies again and again is replaced every time', async () => {
    const { pool, replaced } = await setUp();
    for (const round of [1, 2, 3]) {
      await expect(pool.run('n', once(instruct('exit')), turn())).rejects.toMatchObject({ code: 'lane_failed' });
      expect(best(await pool.run('n', once(instruct('answer', round)), turn()))).toBe(round);
    }
    expect(replaced).toHaveLength(3);
  });

  it('in the middle of a load fails that load and keeps the networks it had', async () => {
    const { pool, weights } = await setUp();
    const broken = new Weights(`${weights.file}.broken`, { load: 'crash' });
    await expect(pool.load(specOf('broken', broken.file), 1)).rejects.toMatchObject({ code: 'lane_failed' });
    expect(best(await pool.run('n', once(instruct('answer', 4)), turn()))).toBe(4);
  });
});

describe('a network that cannot be loaded again', () => {
  it.each(['fail', 'crash'] as const)('is given up, its waiting pictures fail, the others serve (%s)', async (load) => {
    const { pool, weights, lost } = await setUp();
    weights.script({ load });
    const fatal = pool.run('n', once(instruct('exit')), turn());
    const waiting = [1, 2].map((picture) => pool.run('n', once(instruct('answer', picture)), turn()));
    const failures = Promise.all(
      waiting.map((run) => expect(run).rejects.toMatchObject({ code: 'model_failed', message: expect.any(String) })),
    );
    await expect(fatal).rejects.toMatchObject({ code: 'lane_failed' });
    await failures;
    expect(lost).toEqual([{ key: 'n', reason: expect.any(String), remaining: 0 }]);
    expect(best(await pool.run('other', once(instruct('answer', 5)), turn()))).toBe(5);
    await expect(pool.run('n', once(instruct('answer')), turn())).rejects.toMatchObject({ code: 'model_not_loaded' });
  });

  it('serves on in the lanes that still have it', async () => {
    const { pool, weights, lost } = await setUp({ lanes: 2 });
    weights.script({ load: 'fail' });
    await expect(pool.run('n', once(instruct('exit')), turn())).rejects.toMatchObject({ code: 'lane_failed' });
    await until(() => pool.lanes.alive === 2, 'the lane to be replaced');
    expect(best(await pool.run('n', once(instruct('answer', 1)), turn()))).toBe(1);
    expect(lost).toEqual([{ key: 'n', reason: expect.any(String), remaining: 1 }]);
  });

  it('may be unloaded while its lane is being replaced', async () => {
    const { pool } = await setUp();
    await expect(pool.run('n', once(instruct('exit')), turn())).rejects.toMatchObject({ code: 'lane_failed' });
    await pool.unload('n');
    expect(best(await pool.run('other', once(instruct('answer', 1)), turn()))).toBe(1);
  });
});

describe('stopping', () => {
  it('fails what waits, what runs and what is being loaded, and takes nothing new', async () => {
    const { pool, weights } = await setUp();
    const running = pool.run('n', once(instruct('block', 1)), turn());
    const waiting = pool.run('n', once(instruct('answer', 2)), turn());
    const loading = pool.load(specOf('late', weights.file), 1);
    await weights.untilBegun(1);
    const outcomes = Promise.allSettled([running, waiting, loading]);
    await pool.stop();
    expect((await outcomes).map((outcome) => outcome.status === 'rejected' && outcome.reason.code)).toEqual([
      'lane_failed',
      'shutting_down',
      'shutting_down',
    ]);
    await expect(pool.run('n', once(instruct('answer')), turn())).rejects.toMatchObject({ code: 'shutting_down' });
    await expect(pool.load(specOf('later', weights.file), 1)).rejects.toMatchObject({ code: 'shutting_down' });
    expect(weights.begun).toEqual([1]);
  });

  it('leaves no thread behind, not even one that was to take the place of another', async () => {
    const { pool, weights } = await setUp();
    expect(threads()).toBe(1);
    await expect(pool.run('n', once(instruct('exit')), turn())).rejects.toMatchObject({ code: 'lane_failed' });
    weights.script({ load: 'hold' });
    await until(() => weights.log.at(-1) === 'load', 'the new lane to load its network');
    await pool.stop();
    expect(threads()).toBe(0);
  });
});
