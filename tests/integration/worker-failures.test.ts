import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/model-folders.js';
import { best, once, specOf, turn } from '../support/networks.js';
import { startPool } from '../support/server.js';
import { type Action, instruct, type LoadScript, until, Weights } from '../support/worker-script.js';

/** Whether there is a process of this id. */
function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe('ESRCH');
    return false;
  }
}

/** A pool with the networks `n` and `other` in every worker, and a record of what befalls the workers. */
async function setUp({
  script = {},
  ...options
}: Omit<Parameters<typeof startPool>[0] & object, 'script'> & { script?: LoadScript } = {}) {
  const replaced: { worker: number; reason: string }[] = [];
  const lost: { key: string; reason: string; remaining: number }[] = [];
  const pool = startPool({
    ...options,
    events: {
      workerReplaced: (worker, reason) => replaced.push({ worker, reason }),
      networkLost: (key, reason, remaining) => lost.push({ key, reason, remaining }),
    },
  });
  const folder = await temporaryFolder();
  const [weights, other] = [new Weights(join(folder, 'n.onnx'), script), new Weights(join(folder, 'other.onnx'))];
  await pool.load(specOf('n', weights.file), pool.size);
  await pool.load(specOf('other', other.file), pool.size);
  const loads = () => weights.log.filter((line) => line.startsWith('loaded')).length;
  return { pool, weights, other, replaced, lost, loads };
}

describe('a worker that dies', () => {
  const ways: [Action, RegExp][] = [
    ['exit', /^exited with code 3$/],
    ['crash', /^exited with code 1: .*scripted crash/s],
  ];
  it.each(ways)('has its picture tried once more, and fails no other (%s)', async (action, reason) => {
    const { pool, weights, replaced, lost, loads } = await setUp();
    const fatal = pool.run('n', once(instruct(action, 9)), turn());
    const waiting = [1, 2].map((picture) => pool.run('n', once(instruct('answer', picture)), turn()));
    const others = pool.run('other', once(instruct('answer', 3)), turn());
    await expect(fatal).rejects.toMatchObject({ code: 'worker_failed', retryAfterS: 1 });
    expect((await Promise.all([...waiting, others])).map(best)).toEqual([1, 2, 3]);
    const death = { worker: 0, reason: expect.stringMatching(reason) };
    expect(replaced).toEqual([death, death]);
    expect(weights.begun).toEqual([9, 9, 1, 2]);
    expect(loads()).toBe(3);
    expect(lost).toEqual([]);
    expect(pool.workers).toMatchObject({ alive: 1 });
  });

  it('through no fault of its picture is not noticed by who sent it', async () => {
    const { pool, weights, replaced } = await setUp();
    const run = pool.run('n', once(instruct('hold', 1)), turn());
    await weights.untilBegun(1);
    const [pid = 0] = pool.pids;
    process.kill(pid, 'SIGKILL');
    await until(() => weights.begun.length === 2, 'the picture to be begun again');
    weights.open(1);
    expect(best(await run)).toBe(1);
    expect(replaced).toEqual([{ worker: 0, reason: 'killed by SIGKILL' }]);
  });

  it('of a fault in native code has its picture fail at once', async () => {
    const { pool, weights, replaced } = await setUp();
    const fatal = pool.run('n', once(instruct('fault', 9)), turn());
    const waiting = pool.run('n', once(instruct('answer', 1)), turn());
    await expect(fatal).rejects.toMatchObject({ code: 'worker_failed', cause: 'killed by SIGSEGV', retryAfterS: 1 });
    expect(best(await waiting)).toBe(1);
    expect(weights.begun).toEqual([9, 1]);
    expect(replaced).toEqual([{ worker: 0, reason: 'killed by SIGSEGV' }]);
  });

  it.each(['fault', 'exit'] as const)(
    'and takes a batch along fails only the one of them that it died of (%s)',
    async (action) => {
      const { pool, weights, replaced } = await setUp({ script: { batch: 4 } });
      const running = pool.run('n', once(instruct('hold', 1)), turn());
      await weights.untilBegun(1);
      const before = [2, 3].map((picture) => pool.run('n', once(instruct('answer', picture)), turn()));
      const fatal = pool.run('n', once(instruct(action, 9)), turn());
      const after = pool.run('n', once(instruct('answer', 4)), turn());
      weights.open(1);
      await expect(fatal).rejects.toMatchObject({ code: 'worker_failed' });
      expect((await Promise.all([running, ...before, after])).map(best)).toEqual([1, 2, 3, 4]);
      expect(weights.log.filter((line) => line.startsWith('batch'))).toEqual(['batch of 4']);
      expect(weights.begun.filter((picture) => picture === 9)).toHaveLength(2);
      expect(replaced).toHaveLength(2);
    },
  );

  it('leaves the work of its neighbours alone', async () => {
    const { pool, weights } = await setUp({ workers: 2 });
    const neighbour = pool.run('n', once(instruct('hold', 1)), turn());
    await weights.untilBegun(1);
    await expect(pool.run('n', once(instruct('exit')), turn())).rejects.toMatchObject({ code: 'worker_failed' });
    weights.open(1);
    expect(best(await neighbour)).toBe(1);
    expect(weights.begun.filter((picture) => picture === 1)).toHaveLength(1);
  });

  it('gives back what waited in its hand, which may kill another twice', async () => {
    const { pool, weights, replaced } = await setUp({ aheadMs: 1000 });
    const first = pool.run('n', once(instruct('fault', 8)), turn());
    const ahead = pool.run('n', once(instruct('exit', 9)), turn());
    // Work is handed out when all that comes together is there.
    await Promise.resolve();
    expect(pool.waiting).toBe(0);
    await expect(first).rejects.toMatchObject({ code: 'worker_failed' });
    // It had not begun when the first worker died: that does not count.
    await expect(ahead).rejects.toMatchObject({ code: 'worker_failed' });
    expect(weights.begun).toEqual([8, 9, 9]);
    expect(replaced).toHaveLength(3);
  });

  it.each(['block', 'ignore', 'stop'] as const)(
    'because it hangs is replaced while the other serves; the picture is not tried again (%s)',
    async (action) => {
      const { pool, weights, replaced } = await setUp({ workers: 2, runTimeoutMs: 1000 });
      const hung = pool.run('n', once(instruct(action, 9)), turn());
      await weights.untilBegun(9);
      for (const picture of [1, 2, 3]) {
        expect(best(await pool.run('n', once(instruct('answer', picture)), turn()))).toBe(picture);
      }
      expect(replaced).toEqual([]);
      await expect(hung).rejects.toMatchObject({ code: 'worker_failed', cause: 'no answer within 1000 ms' });
      await until(() => pool.workers.alive === 2, 'the worker to be replaced');
      expect(replaced).toHaveLength(1);
      expect(weights.begun).toEqual([9, 1, 2, 3]);
    },
  );

  it.runIf(process.platform === 'linux')(
    'because of its memory fails the picture with what it would take',
    async () => {
      const memory = { decodeBytes: 2 ** 20, share: 300 * 2 ** 20, dataLimit: false };
      const { pool, weights, replaced } = await setUp({ memory });
      await expect(pool.run('n', once(instruct('hoard', 600)), turn())).rejects.toMatchObject({
        code: 'memory_exceeded',
        message: expect.stringMatching(/^The work needs about [3-9]\d\d MB, may use 300 MB\.$/),
      });
      expect(best(await pool.run('n', once(instruct('answer', 1)), turn()))).toBe(1);
      expect(weights.begun).toEqual([600, 1]);
      expect(replaced).toHaveLength(1);
    },
  );

  it('that dies again and again is replaced every time', async () => {
    const { pool, replaced } = await setUp();
    for (const round of [1, 2, 3]) {
      await expect(pool.run('n', once(instruct('exit')), turn())).rejects.toMatchObject({ code: 'worker_failed' });
      expect(best(await pool.run('n', once(instruct('answer', round)), turn()))).toBe(round);
    }
    expect(replaced).toHaveLength(6);
  });

  it('in the middle of a load fails that load and keeps the networks it had', async () => {
    const { pool, weights } = await setUp();
    const broken = new Weights(`${weights.file}.broken`, { load: 'crash' });
    await expect(pool.load(specOf('broken', broken.file), 1)).rejects.toMatchObject({ code: 'worker_failed' });
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
    // Nobody can try it once more.
    await expect(fatal).rejects.toMatchObject({ code: 'model_failed' });
    await failures;
    expect(lost).toEqual([{ key: 'n', reason: expect.any(String), remaining: 0 }]);
    expect(best(await pool.run('other', once(instruct('answer', 5)), turn()))).toBe(5);
    await expect(pool.run('n', once(instruct('answer')), turn())).rejects.toMatchObject({ code: 'model_not_loaded' });
  });

  it('serves on in the workers that still have it', async () => {
    const { pool, weights, lost } = await setUp({ workers: 2 });
    weights.script({ load: 'fail' });
    await expect(pool.run('n', once(instruct('fault')), turn())).rejects.toMatchObject({ code: 'worker_failed' });
    await until(() => pool.workers.alive === 2, 'the worker to be replaced');
    expect(best(await pool.run('n', once(instruct('answer', 1)), turn()))).toBe(1);
    expect(lost).toEqual([{ key: 'n', reason: expect.any(String), remaining: 1 }]);
  });

  it('may be unloaded while its worker is being replaced', async () => {
    const { pool } = await setUp();
    await expect(pool.run('n', once(instruct('exit')), turn())).rejects.toMatchObject({ code: 'worker_failed' });
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
      'shutting_down',
      'shutting_down',
      'shutting_down',
    ]);
    await expect(pool.run('n', once(instruct('answer')), turn())).rejects.toMatchObject({ code: 'shutting_down' });
    await expect(pool.load(specOf('later', weights.file), 1)).rejects.toMatchObject({ code: 'shutting_down' });
    expect(weights.begun).toEqual([1]);
  });

  it('leaves no process behind, not even one that was to take the place of another', async () => {
    const { pool, weights } = await setUp({ workers: 2 });
    expect(pool.pids.map(exists)).toEqual([true, true]);
    expect([...pool.pids].sort()).toEqual([...weights.pids].sort());
    weights.script({ load: 'hold' });
    await expect(pool.run('n', once(instruct('fault')), turn())).rejects.toMatchObject({ code: 'worker_failed' });
    await until(() => weights.pids.length === 3, 'the new worker to load its network');
    expect(weights.pids.filter(exists)).toHaveLength(2);
    await pool.stop();
    expect(weights.pids.filter(exists)).toEqual([]);
    expect(pool.pids).toEqual([]);
  });
});
