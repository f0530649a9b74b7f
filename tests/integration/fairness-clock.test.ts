import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createFlow } from '../../src/core/queues/fair-queue.js';
import { temporaryFolder } from '../support/model-folders.js';
import { never, once, specOf, turn } from '../support/networks.js';
import { startPool } from '../support/server.js';
import { instruct, Weights } from '../support/worker-script.js';

describe('the work of one flow', () => {
  it('goes on though newcomers never cease', async () => {
    const pool = startPool();
    const weights = new Weights(join(await temporaryFolder(), 'n.onnx'));
    await pool.load(specOf('n', weights.file), 1);
    const running = pool.run('n', once(instruct('hold', 1)), turn());
    await weights.untilBegun(1);
    const flow = createFlow();
    let pieces = 0;
    const heavy = Array.from({ length: 10 }, async () => {
      await pool.run('n', once(instruct('answer', 2)), { flow, cost: 1, ms: 1, signal: never });
      pieces++;
    });
    let newcomers = 0;
    const clients = Array.from({ length: 5 }, async () => {
      while (pieces < 10 && newcomers < 1000) {
        newcomers++;
        await pool.run('n', once(instruct('answer', 3)), turn());
      }
    });
    weights.open(1);
    await Promise.all([...clients, running]);
    // Six take turns: some five newcomers go before each piece.
    expect([pieces, newcomers < 150]).toEqual([10, true]);
    await Promise.all(heavy);
  });

  it('keeps no newcomer longer because a network in another worker had much to do', async () => {
    const pool = startPool({ workers: 2 });
    const folder = await temporaryFolder();
    const [a, b] = [new Weights(join(folder, 'a.onnx')), new Weights(join(folder, 'b.onnx'))];
    for (const [key, { file }] of Object.entries({ a, b })) await pool.load(specOf(key, file), 1);
    const running = pool.run('a', once(instruct('hold', 1)), turn());
    await a.untilBegun(1);
    const many = (key: string) => {
      const flow = createFlow();
      const pictures = Array.from({ length: 100 }, () => once(instruct('answer', 2)));
      return Promise.all(pictures.map((input) => pool.run(key, input, { flow, cost: 1, ms: 1, signal: never })));
    };
    const waiting = many('a');
    await many('b');
    const newcomer = pool.run('a', once(instruct('answer', 3)), turn());
    a.open(1);
    await Promise.all([running, waiting, newcomer]);
    expect(a.begun.slice(1).indexOf(3)).toBeLessThanOrEqual(1);
  });
});
