import { describe, expect, test } from 'vitest';
import { bestBatch } from '../../../src/runtime/networks/best-batch.js';

/** A network that takes a known time. @param ms for a run of so many rows; a string is an error */
function network(ms: (rows: number) => number | string) {
  const runs: number[] = [];
  const run = async (rows: number) => {
    runs.push(rows);
    const time = ms(rows);
    if (typeof time === 'string') throw new Error(time);
    // The first run of a size is far slower.
    return runs.filter((other) => other === rows).length === 1 ? 50 * time : time;
  };
  return { run, sizes: () => [...new Set(runs)] };
}
/** A fixed time for each run and one for each row. */
const linear = (fixed: number, each: number) => (rows: number) => fixed + each * rows;

describe('bestBatch on a CPU', () => {
  test('takes larger batches as long as they pay', async () => {
    const small = network(linear(2, 1));
    expect(await bestBatch(small.run, 'cpu', undefined)).toEqual({ batch: 16, viewMs: 1.125 });
    expect(small.sizes()).toEqual([1, 4, 16]);
    // 3 and 2.25 ms a row, then 2.06: not by 15 % less.
    const middle = network(linear(1, 2));
    expect(await bestBatch(middle.run, 'cpu', undefined)).toEqual({ batch: 4, viewMs: 2.25 });
    expect(middle.sizes()).toEqual([1, 4, 16]);
  });

  test('tries no size after one that did not pay', async () => {
    const { run, sizes } = network((rows) => (rows === 16 ? 1 : 4 * rows));
    expect(await bestBatch(run, 'cpu', undefined)).toEqual({ batch: 1, viewMs: 4 });
    expect(sizes()).toEqual([1, 4]);
  });

  test('leaves a slow network alone: it keeps a core busy by itself', async () => {
    const { run, sizes } = network(linear(9, 2));
    expect(await bestBatch(run, 'cpu', undefined)).toEqual({ batch: 1, viewMs: 11 });
    expect(sizes()).toEqual([1]);
  });

  test('takes a size that the network fails on as too large', async () => {
    const { run } = network((rows) => (rows > 4 ? 'too large' : 1));
    expect(await bestBatch(run, 'cpu', undefined)).toEqual({ batch: 4, viewMs: 0.25 });
  });
});

test('on a GPU also slow networks are tried, up to 32 rows', async () => {
  const { run, sizes } = network(linear(100, 1));
  expect(await bestBatch(run, 'cuda', undefined)).toEqual({ batch: 32, viewMs: 132 / 32 });
  expect(sizes().slice(0, 6)).toEqual([1, 2, 4, 8, 16, 32]);
});

test('on a GPU every number of rows that can occur has been run, so that no request is the first', async () => {
  const upTo = (most: number) => Array.from({ length: most }, (_, i) => i + 1);
  const measured = network((rows) => (rows > 8 ? 100 * rows : 10));
  await bestBatch(measured.run, 'cuda', undefined);
  expect(measured.sizes().filter((rows) => rows <= 8)).toHaveLength(8);
  const configured = network(linear(10, 0));
  await bestBatch(configured.run, 'cuda', 6);
  expect(configured.sizes().sort((a, b) => a - b)).toEqual(upTo(6));
});

describe('a size that is configured', () => {
  test('is taken as it is, even if it does not pay', async () => {
    const { run, sizes } = network((rows) => 30 * rows * rows);
    expect(await bestBatch(run, 'cpu', 3)).toEqual({ batch: 3, viewMs: 90 });
    expect(sizes()).toEqual([1, 3]);
  });

  test('is not taken if the network fails on it', async () => {
    const { run } = network((rows) => (rows > 1 ? 'one only' : 5));
    expect(await bestBatch(run, 'cuda', 8)).toEqual({ batch: 1, viewMs: 5 });
  });

  test('of one is not measured against others', async () => {
    const { run, sizes } = network(linear(5, 0));
    expect(await bestBatch(run, 'cuda', 1)).toEqual({ batch: 1, viewMs: 5 });
    expect(sizes()).toEqual([1]);
  });
});

test('a network that does not run at all says why', async () => {
  const { run } = network(() => 'broken');
  await expect(bestBatch(run, 'cpu', undefined)).rejects.toThrow('broken');
});
