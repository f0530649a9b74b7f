import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/model-folders.js';
import { best, once, specOf, turn } from '../support/networks.js';
import { startPool } from '../support/server.js';
import { instruct, until, Weights } from '../support/worker-script.js';

const MIB = 1024 * 1024;

/** A pool whose workers may hold so much each, with a scripted network in all of them. */
async function setUp({ share = 2 ** 40, workers = 1 }) {
  const replaced: string[] = [];
  const memory = { decodeBytes: 64 * MIB, share, dataLimit: false };
  const pool = startPool({ workers, memory, events: { workerReplaced: (_worker, reason) => replaced.push(reason) } });
  const weights = new Weights(join(await temporaryFolder(), 'n.onnx'));
  await pool.load(specOf('n', weights.file), workers);
  return { pool, weights, replaced };
}

describe.runIf(process.platform === 'linux')('a worker that holds more memory than its share', () => {
  it('is ended by the server; the work that needed it fails with the figures, other work goes on', async () => {
    const { pool, replaced } = await setUp({ share: 400 * MIB });
    const greedy = pool.run('n', once(instruct('hoard', 3000)), turn());
    const patient = [1, 2].map((picture) => pool.run('n', once(instruct('answer', picture)), turn()));
    await expect(greedy).rejects.toMatchObject({ code: 'memory_exceeded' });
    await expect(greedy).rejects.toThrow(/^The work needs about \d+ MB, may use 400 MB\.$/);
    expect((await Promise.all(patient)).map(best)).toEqual([1, 2]);
    expect(replaced).toHaveLength(1);
  });

  it('is left alone below it', async () => {
    const { pool, weights, replaced } = await setUp({ share: 2000 * MIB });
    weights.open(300);
    expect(best(await pool.run('n', once(instruct('hoard', 300)), turn()))).toBe(300 % 10);
    expect(replaced).toEqual([]);
  });
});

describe.runIf(process.platform === 'linux')('a worker that keeps much more memory than it had', () => {
  it('is replaced when it has nothing to do, which is no incident', async () => {
    const { pool, weights, replaced } = await setUp({});
    const [first] = pool.pids;
    expect(best(await pool.run('n', once(instruct('keep', 600)), turn()))).toBe(600 % 10);
    await until(() => pool.pids.length === 1 && pool.pids[0] !== first, 'it to be replaced');
    expect(best(await pool.run('n', once(instruct('answer', 4)), turn()))).toBe(4);
    expect(replaced).toEqual([]);
    expect(weights.log.filter((line) => line.startsWith('loaded'))).toHaveLength(2);
  });
});

describe('a network that does not fit into a worker', () => {
  it('is refused by name with the figures, and the others stay', async () => {
    const { pool, weights } = await setUp({ share: 500 * MIB });
    const large = { ...specOf('large@fp32#7', weights.file), bytes: 300 * MIB };
    await expect(pool.load(large, 1)).rejects.toMatchObject({
      code: 'memory_exceeded',
      message: 'A worker with large needs about 1028 MB, may use 500 MB.',
    });
    expect(pool.holds(large.key)).toBe(false);
    expect(best(await pool.run('n', once(instruct('answer', 4)), turn()))).toBe(4);
  });
});

describe.runIf(process.platform === 'linux')('the environment of a worker', () => {
  it('has no keys or settings of the server', async () => {
    const env = { MENAGERIE_ADMIN_KEY: 'secret', AWS_SECRET_ACCESS_KEY: 'secret', TZ: 'UTC', PATH: process.env.PATH };
    const pool = startPool({ env });
    const names = () => {
      const variables = readFileSync(`/proc/${pool.pids[0]}/environ`, 'latin1').split('\0').filter(Boolean);
      return variables.map((variable) => variable.split('=', 1)[0]).sort();
    };
    // The shell that becomes the worker adds its own.
    await until(() => readFileSync(`/proc/${pool.pids[0]}/cmdline`, 'latin1').includes('scripted-worker'), 'it');
    expect(names().filter((name) => name !== 'PWD')).toEqual([
      'ORT_DISABLE_TELEMETRY',
      'PATH',
      'TZ',
      'UV_THREADPOOL_SIZE',
      'VIPS_DISC_THRESHOLD',
    ]);
  });
});
