import { describe, expect, test } from 'vitest';
import { inOrder } from '../../../src/core/queues/in-order.js';

const later = <T>(value: T, turns: number): Promise<T> =>
  turns === 0 ? Promise.resolve(value) : Promise.resolve().then(() => later(value, turns - 1));

describe('inOrder', () => {
  test('keeps the order and the width, whatever takes how long', async () => {
    let [running, most] = [0, 0];
    const seen: number[] = [];
    const map = async (item: number) => {
      most = Math.max(most, ++running);
      await later(undefined, 50 + ((item * 7) % 200));
      running--;
      return item;
    };
    for await (const item of inOrder(
      Array.from({ length: 100 }, (_, i) => i),
      4,
      map,
    ))
      seen.push(item);
    expect(seen).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(most).toBe(4);
  });

  test('does not keep a result back until the next item comes', async () => {
    let more = (_: undefined) => {};
    async function* slow() {
      yield 1;
      await new Promise<undefined>((resolve) => {
        more = resolve;
      });
      yield 2;
    }
    const results = inOrder(slow(), 8, async (item) => item);
    expect(await results.next()).toEqual({ done: false, value: 1 });
    more(undefined);
    expect(await results.next()).toEqual({ done: false, value: 2 });
    expect(await results.next()).toMatchObject({ done: true });
  });

  test('passes on the error of the items, also while it is not looking', async () => {
    async function* broken() {
      yield 1;
      throw new Error('gone');
    }
    const results = inOrder(broken(), 1, (item) => later(item, 50));
    expect((await results.next()).value).toBe(1);
    await expect(results.next()).rejects.toThrow('gone');
  });
});
