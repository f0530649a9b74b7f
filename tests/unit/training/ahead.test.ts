import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { ahead } from '../../../src/training/tail/ahead.js';

async function all<T>(results: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const result of results) found.push(result);
  return found;
}

test('gives results in order, whichever is ready first', async () => {
  const work = async (n: number) => {
    await sleep(10 - n);
    return n;
  };
  expect(await all(ahead([1, 5, 9, 3], 2, work))).toEqual([1, 5, 9, 3]);
  expect(await all(ahead([], 2, work))).toEqual([]);
});

test('starts no more than is asked for before a result is taken', async () => {
  const begun: number[] = [];
  const results = ahead([1, 2, 3, 4, 5, 6], 2, async (n) => {
    begun.push(n);
    return n;
  });
  await results.next();
  expect(begun).toEqual([1, 2, 3]);
  await results.return(undefined);
  expect(begun).toEqual([1, 2, 3]);
});

test('throws what the work throws, in its turn, and leaves no failure unheard', async () => {
  const work = async (n: number) => {
    if (n > 1) throw new Error(`no ${n}`);
    return n;
  };
  const results = ahead([1, 2, 3], 5, work);
  expect((await results.next()).value).toBe(1);
  await expect(results.next()).rejects.toThrow('no 2');
  // The failure of 3 would end the process if nobody had listened.
  await sleep(5);
});
