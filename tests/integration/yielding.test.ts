import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createFlow } from '../../src/core/queues/fair-queue.js';
import { temporaryFolder } from '../support/model-folders.js';
import { once, specOf, turn } from '../support/networks.js';
import { startPool } from '../support/server.js';
import { startTrainer } from '../support/trainer.js';
import { instruct, until, Weights } from '../support/worker-script.js';

// Background work is stopped while requests need the cores.

const isStopped = (pid: number | undefined) => /\nState:\tT/.test(readFileSync(`/proc/${pid}/status`, 'latin1'));

async function setUp(workers: number) {
  const replaced: string[] = [];
  const pool = startPool({ workers, events: { workerReplaced: (_worker, reason) => replaced.push(reason) } });
  const weights = new Weights(join(await temporaryFolder(), 'n.onnx'));
  await pool.load(specOf('n', weights.file), workers);
  const background = { ...turn(), flow: createFlow({ background: true }) };
  const run = (action: 'hold' | 'answer', picture: number, whose = turn()) =>
    pool.run('n', once(instruct(action, picture)), whose);
  return { pool, weights, replaced, background, run };
}

describe.runIf(process.platform === 'linux')('a worker that does background work', () => {
  test('stands still while the other one does a request, and goes on after it', async () => {
    const { pool, weights, run, background, replaced } = await setUp(2);
    const [first, last] = pool.pids;
    const later = run('hold', 1, background);
    await weights.untilBegun(1);
    const request = run('hold', 2);
    await weights.untilBegun(2);
    await until(() => isStopped(last), 'the worker to be stopped');
    expect(isStopped(first)).toBe(false);
    weights.open(2);
    await request;
    await until(() => !isStopped(last), 'the worker to go on');
    weights.open(1);
    await later;
    expect(replaced).toEqual([]);
    expect(pool.pids).toEqual([first, last]);
  });

  test('goes on to its end when more requests wait than are done', async () => {
    const { pool, weights, run, background } = await setUp(2);
    const later = run('hold', 1, background);
    await weights.untilBegun(1);
    const requests = [run('hold', 2)];
    await weights.untilBegun(2);
    await until(() => isStopped(pool.pids[1]), 'the worker to be stopped');
    requests.push(run('answer', 3), run('answer', 4));
    await until(() => !isStopped(pool.pids[1]), 'the worker to go on');
    weights.open(1);
    await later;
    await Promise.all(requests.slice(1));
    weights.open(2);
    await requests[0];
    expect(weights.begun).toEqual([1, 2, 3, 4]);
  });

  test('gets its share even if requests never end, and is not taken for one that was stopped from outside', async () => {
    const { pool, weights, run, background, replaced } = await setUp(2);
    const later = run('hold', 1, background);
    await weights.untilBegun(1);
    const request = run('hold', 2);
    await weights.untilBegun(2);
    // Longer than the checks take to give a stopped worker up.
    await new Promise((resolve) => setTimeout(resolve, 3000));
    weights.open(1);
    await later;
    weights.open(2);
    await request;
    expect(replaced).toEqual([]);
    expect(pool.workers.alive).toBe(2);
  });

  test('of many workers goes on beside requests', async () => {
    const { pool, weights, run, background } = await setUp(3);
    const later = run('hold', 1, background);
    await weights.untilBegun(1);
    const request = run('hold', 2);
    await weights.untilBegun(2);
    expect(pool.pids.filter(isStopped)).toEqual([]);
    weights.open(1);
    await later;
    weights.open(2);
    await request;
  });
});

test.runIf(process.platform === 'linux')('what the server itself does for a trainer waits with it', async () => {
  const { pool, weights, run } = await setUp(1);
  const request = run('hold', 1);
  await weights.untilBegun(1);
  // There is nothing to yield yet.
  await pool.yielding.turn();
  const trainer = await startTrainer({ yielding: pool.yielding });
  await until(() => isStopped(trainer.pid), 'the trainer to be stopped');
  // It gets its share even if requests never end.
  await pool.yielding.turn();
  expect(isStopped(trainer.pid)).toBe(false);
  await until(() => isStopped(trainer.pid), 'the trainer to be stopped again');
  const turn = pool.yielding.turn();
  weights.open(1);
  await Promise.all([request, turn]);
  await trainer.stop();
  await pool.yielding.turn();
});

test.runIf(process.platform === 'linux')('a trainer yields too, and can be ended meanwhile', async () => {
  const { pool, weights, run } = await setUp(1);
  const request = run('hold', 1);
  await weights.untilBegun(1);
  const [trainer, other] = [
    await startTrainer({ yielding: pool.yielding }),
    await startTrainer({ yielding: pool.yielding }),
  ];
  await until(() => isStopped(trainer.pid) && isStopped(other.pid), 'the trainers to be stopped');
  await other.stop();
  weights.open(1);
  await request;
  await until(() => !isStopped(trainer.pid), 'the trainer to go on');
});
