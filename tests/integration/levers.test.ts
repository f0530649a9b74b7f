import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { endlessIfRed, quick, writeModel } from '../../scripts/torture/hostile-networks.mjs';
import type { WorkerPool } from '../../src/runtime/workers/pool.js';
import { findLevers, type Lever, type Levers, NO_LEVERS } from '../../src/runtime/workers/process/levers.js';
import { statOf } from '../../src/system/process-tree.js';
import { Trainer } from '../../src/training/trainer.js';
import { temporaryFolder } from '../support/model-folders.js';
import { specOf, turn } from '../support/networks.js';
import { startPool } from '../support/server.js';
import { statOfThreads } from '../support/threads.js';
import { until } from '../support/worker-script.js';

// What Linux lets the server do with its workers; each may be missing.

const WORKER = new URL('../../dist/runtime/workers/inside/worker-main.js', import.meta.url);
const TRAINER = new URL('../../dist/training/inside/trainer-main.js', import.meta.url);
const SIDE = 8;
/** No whole number, of which the limit has to become one. */
const MEMORY = { decodeBytes: 100.4 * 2 ** 20, share: 2 ** 40, dataLimit: true };
const holding = await findLevers();
/** Those that workers have; a trainer has one more. */
type WorkerLever = Exclude<Lever, 'idleClass'>;
const LEVERS = (Object.keys(NO_LEVERS) as Lever[]).filter((lever): lever is WorkerLever => lever !== 'idleClass');
const red = {
  name: 'red',
  rows: 1,
  data: Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => (i % 3 === 0 ? 255 : 0)),
};

/** A pool with one real worker that has answered, and its process. */
async function start(levers: Levers): Promise<{ pool: WorkerPool; pid: number }> {
  const pool = startPool({ script: WORKER, levers, memory: { ...MEMORY, dataLimit: levers.dataLimit } });
  const folder = await temporaryFolder();
  writeModel(folder, 'quick', quick());
  const manifest = JSON.parse(readFileSync(join(folder, 'quick', 'manifest.json'), 'utf8'));
  await pool.load({ ...specOf('quick', join(folder, 'quick', 'quick.onnx')), ...manifest, labels: 2 }, 1);
  expect((await pool.run('quick', red, turn())).scores).toHaveLength(2);
  return { pool, pid: pool.pids[0] as number };
}

const [POLICY, SCHED_OTHER, SCHED_IDLE] = [41, 0, 5];
const proc = (pid: number, file: string) => readFileSync(`/proc/${pid}/${file}`, 'utf8');

/** Whether each lever has had its effect on a process. */
const EFFECTS: Record<WorkerLever, (pid: number) => boolean> = {
  dataLimit: (pid) => /Max data size +\d+ +unlimited/.test(proc(pid, 'limits')),
  niceness: (pid) => statOf(pid)?.niceness === getPriority() + 5,
  oomScore: (pid) => proc(pid, 'oom_score_adj').trim() === '1000',
  // Without it a thread watches: one more than there is otherwise.
  parentDeathSignal: (pid) => proc(pid, 'cmdline').includes('--parent-death-signal'),
};

describe.runIf(process.platform === 'linux')('levers', () => {
  it('all hold on a machine with the usual tools', () => {
    expect(holding).toEqual({
      dataLimit: true,
      niceness: true,
      idleClass: true,
      oomScore: true,
      parentDeathSignal: true,
    });
  });

  it.each([...LEVERS, 'all of them', 'none of them'])('without %s a worker works, with the others', async (missing) => {
    const has = (lever: WorkerLever) => missing !== 'all of them' && missing !== lever;
    const wanted = Object.fromEntries(LEVERS.map((lever) => [lever, has(lever)]));
    const { pid } = await start({ ...NO_LEVERS, ...wanted });
    expect(Object.fromEntries(LEVERS.map((lever) => [lever, EFFECTS[lever](pid)]))).toEqual(wanted);
  });

  it.each([true, false])(
    'a trainer runs only where nothing else wants to, where that can be had (%s)',
    async (idleClass) => {
      const trainer = Trainer.start({
        script: TRAINER,
        levers: { ...holding, idleClass },
        env: process.env,
        memoryBytes: 2 ** 30,
      });
      onTestFinished(() => trainer.stop());
      const features = Float32Array.of(1, 0, 0, 1);
      await trainer.nearDuplicates({ features, size: 2, seed: 1 }, () => {});
      const policies = statOfThreads(trainer.pid as number, POLICY);
      expect(new Set(policies)).toEqual(new Set([idleClass ? SCHED_IDLE : SCHED_OTHER]));
    },
  );

  it.each([true, false])('a worker in an endless run ends with its parent (by the kernel: %s)', async (byKernel) => {
    const folder = await temporaryFolder();
    writeModel(folder, 'endless', endlessIfRed());
    const levers = { ...holding, parentDeathSignal: byKernel };
    const parent = spawn(process.execPath, ['--input-type=module', '--eval', PARENT, folder, JSON.stringify(levers)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void parent.kill('SIGKILL'));
    const [line] = await once(parent.stdout, 'data');
    const pid = Number(String(line));
    expect(existsSync(`/proc/${pid}`)).toBe(true);
    parent.kill('SIGKILL');
    await until(() => !existsSync(`/proc/${pid}`), 'the worker to end');
  });

  it('the limit on memory follows what is loaded, and what exceeds it is an error that says so', async () => {
    const { pool, pid } = await start(holding);
    // Only the soft limit: a hard one could not be raised to load another network.
    const limit = () => Number(/Max data size +(\d+) +unlimited/.exec(proc(pid, 'limits'))?.[1]);
    const before = limit();
    expect(before).toBeGreaterThan(0);
    await expect(
      pool.compute(
        'quick',
        [{ name: 'x', type: 'float32', dims: [1, 3, 1], bytes: new Uint8Array(12) }],
        ['y'],
        turn(),
      ),
    ).rejects.toMatchObject({ code: 'invalid_request' });
    await pool.unload('quick');
    expect(limit()).toBeLessThanOrEqual(before + 32 * 2 ** 20);
  });
});

/** Has a worker compute without end, and says its process id. */
const PARENT = `
  import { readFileSync } from 'node:fs';
  import { WorkerPool } from ${JSON.stringify(new URL('../../dist/runtime/workers/pool.js', import.meta.url).href)};
  const [folder, levers] = process.argv.slice(1);
  const none = () => {};
  const pool = new WorkerPool({
    workers: 1, script: new URL(${JSON.stringify(WORKER.href)}), levers: JSON.parse(levers), env: process.env, device: 'cpu',
    threads: 1, memory: { decodeBytes: 1e8, share: 1e12, dataLimit: false }, decode: { maxPixels: 1e6 },
    batchDelayMs: 0, aheadMs: 0, runTimeoutMs: 3.6e6, loadTimeoutMs: 6e4,
    events: { workerBusy: none, executed: none, workerReplaced: none, networkLost: none, instancesChanged: none },
  });
  const manifest = JSON.parse(readFileSync(folder + '/endless/manifest.json', 'utf8'));
  await pool.load({ ...manifest, labels: 2, key: 'endless', file: folder + '/endless/endless.onnx', bytes: 1000 }, 1);
  const red = Uint8Array.from({ length: ${SIDE * SIDE * 3} }, (_, i) => (i % 3 === 0 ? 255 : 0));
  const views = { name: 'red', rows: 1, data: red };
  void pool.run('endless', views, { flow: {}, cost: 1, ms: 1, signal: new AbortController().signal });
  setTimeout(() => console.log(pool.pids[0]), 500);
`;
