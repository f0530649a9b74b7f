import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { processStatus } from '../../src/runtime/workers/process/worker-memory.js';
import { temporaryFolder } from '../support/model-folders.js';
import { best, once, specOf, turn } from '../support/networks.js';
import { onnxFileOf } from '../support/onnx-files.js';
import { startPool } from '../support/server.js';
import { instruct, until, Weights } from '../support/worker-script.js';

const MIB = 1024 * 1024;
const WORKER = new URL('../../dist/runtime/workers/inside/worker-main.js', import.meta.url);

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

describe.runIf(process.platform === 'linux')('a network that was tried with more rows than it is run with', () => {
  it('does not keep what they took', async () => {
    const [SIDE, CHANNELS, ROWS] = [224, 16, 16];
    const file = join(await temporaryFolder(), 'n.onnx');
    // Of several rows it computes all activations, and then fails: the shape of its output is fixed.
    const network = onnxFileOf({
      opset: 17,
      input: ['N', 3, SIDE, SIDE],
      nodes: [
        ['Conv', ['x', 'w'], ['c'], { pads: [1, 1, 1, 1] }],
        ['GlobalAveragePool', ['c'], ['p']],
        ['Reshape', ['p', 'shape'], ['y']],
      ],
      constants: {
        w: { dims: [CHANNELS, 3, 3, 3], values: Array.from({ length: CHANNELS * 27 }, (_, i) => (i % 5) - 2) },
        shape: [1n, BigInt(CHANNELS)],
      },
      output: 'y',
    });
    writeFileSync(file, network);
    const input = { name: 'x', layout: 'NCHW', height: SIDE, width: SIDE } as const;
    const output = { name: 'y', kind: 'logits' } as const;
    const spec = { ...specOf('n', file), input, output, batch: 'dynamic', labels: CHANNELS } as const;
    const pool = startPool({ script: WORKER, batch: ROWS });
    const { batch } = await pool.load(spec, 1);
    expect(batch).toBe(1);
    // It holds 45 MB, and would hold 100.
    expect(processStatus(pool.pids[0])?.held).toBeLessThan(72e6);
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
      'MALLOC_ARENA_MAX',
      'ORT_DISABLE_TELEMETRY',
      'PATH',
      'TZ',
      'UV_THREADPOOL_SIZE',
      'VIPS_DISC_THRESHOLD',
    ]);
  });
});
