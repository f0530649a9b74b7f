import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Batcher, type BatchItem, type Runner } from '../../../src/core/queues/batcher.js';
import { createFlow, type Flow } from '../../../src/core/queues/fair-queue.js';
import { createRandom } from '../../../src/core/random.js';

interface Item extends BatchItem {
  id: number;
  flow?: Flow;
}

const KEYS = ['a', 'b', 'c'] as const;
type Key = (typeof KEYS)[number];
/** Different for each key. */
const MOST: Record<string, number> = { a: 1, b: 4, c: 16 };
const maxRows = (key: string) => MOST[key] as number;
const EVERYTHING: Runner<Item> = { takes: () => true, maxRows, onlyFull: false };
const FULL: Runner<Item> = { ...EVERYTHING, onlyFull: true };

const rowsOf = (items: readonly Item[]) => items.reduce((sum, { rows }) => sum + rows, 0);

type Step =
  | { type: 'push'; key: Key; rows: number; flow: number; alone: boolean }
  | { type: 'wait'; ms: number }
  | { type: 'next'; holds: Key[]; onlyFull: boolean }
  | { type: 'put back' }
  | { type: 'remove'; modulo: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('push' as const),
      key: fc.constantFrom(...KEYS),
      rows: fc.constantFrom(1, 1, 1, 2, 3, 4, 5, 17),
      flow: fc.nat(2),
      alone: fc.nat(5).map((n) => n === 0),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('wait' as const), ms: fc.nat(12) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('next' as const),
      holds: fc.uniqueArray(fc.constantFrom(...KEYS)),
      onlyFull: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('put back' as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('remove' as const), modulo: fc.integer({ min: 2, max: 9 }) }) },
);

/** Whether an item of the waiting ones must not be kept back any longer, as the documentation of Batcher has it. */
function isDue(
  { key, enqueued, alone }: Item,
  waiting: Iterable<Item>,
  delayMs: number,
  now: number,
  onlyFull: boolean,
): boolean {
  if (alone) return true;
  if (!onlyFull && (delayMs === 0 || now - enqueued >= delayMs)) return true;
  return rowsOf([...waiting].filter((other) => other.key === key)) >= maxRows(key);
}

describe('Batcher', () => {
  test('keeps to keys, sizes and delays, and neither loses nor doubles anything', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150, size: 'max' }), fc.constantFrom(0, 2, 10), (steps, delayMs) => {
        const batcher = new Batcher<Item>(delayMs);
        const flows = Array.from({ length: 3 }, createFlow);
        const waiting = new Set<Item>();
        let now = 0;
        let id = 0;
        /** What was taken last, and is not waiting again. */
        let taken: Item[] = [];
        /** What was put back: it goes before all others that can be taken. */
        let first: Item[] = [];
        const check = (batch: Item[], before: readonly Item[], { takes, onlyFull }: Runner<Item>) => {
          const [leader] = batch;
          const due = before.filter((item) => takes(item) && isDue(item, before, delayMs, now, onlyFull));
          if (!leader) return expect(due).toEqual([]);
          expect(due).toContain(leader);
          const preferred = first.filter((item) => due.includes(item));
          if (preferred.length > 0) expect(preferred).toContain(leader);
          first = first.filter((item) => !batch.includes(item));
          taken = batch;
          expect(new Set(batch.map(({ key }) => key))).toEqual(new Set([leader.key]));
          for (const item of batch) expect([takes(item), waiting.delete(item)]).toEqual([true, true]);
          if (leader.alone) return expect(batch).toEqual([leader]);
          expect(batch.some(({ alone }) => alone)).toBe(false);
          const most = maxRows(leader.key);
          if (batch.length > 1) expect(rowsOf(batch)).toBeLessThanOrEqual(most);
          // Nothing that would fit is left behind.
          const room = most - rowsOf(batch);
          const left = [...waiting].filter(({ key, rows, alone }) => key === leader.key && rows <= room && !alone);
          expect(left).toEqual([]);
        };
        for (const action of steps) {
          const before = [...waiting];
          if (action.type === 'wait') now += action.ms;
          else if (action.type === 'push') {
            const { key, rows, alone } = action;
            const item = { key, rows, alone, enqueued: now, id: id++, flow: flows[action.flow] as Flow };
            waiting.add(item);
            batcher.push(item, item.flow, 1);
          } else if (action.type === 'next') {
            const takes = ({ key }: Item) => action.holds.includes(key as Key);
            const runner = { takes, maxRows, onlyFull: action.onlyFull };
            check(batcher.next(runner, now), before, runner);
          } else if (action.type === 'put back') {
            for (const item of taken) {
              waiting.add(item);
              first.push(item);
              batcher.putBack(item, item.flow as Flow, 1);
            }
            taken = [];
          } else {
            const removed = batcher.remove((item) => item.id % action.modulo === 0);
            expect(new Set(removed)).toEqual(new Set(before.filter((item) => item.id % action.modulo === 0)));
            for (const item of removed) waiting.delete(item);
            first = first.filter((item) => waiting.has(item));
          }
          expect(batcher.length).toBe(waiting.size);
          const hoping = [...waiting].filter(({ enqueued }) => enqueued + delayMs > now);
          const due = Math.min(...hoping.map(({ enqueued }) => enqueued + delayMs));
          expect(batcher.nextDue(now)).toBe(hoping.length > 0 ? due : undefined);
        }
        now += delayMs;
        while (waiting.size > 0) check(batcher.next(EVERYTHING, now), [...waiting], EVERYTHING);
        expect(batcher.next(EVERYTHING, now)).toEqual([]);
      }),
    );
  });

  /** Items of one flow, one row each, that come at these times. */
  function filled(delayMs: number, key: Key, times: readonly number[]): Batcher<Item> {
    const batcher = new Batcher<Item>(delayMs);
    const flow = createFlow();
    for (const [id, enqueued] of times.entries()) batcher.push({ key, rows: 1, enqueued, id }, flow, 1);
    return batcher;
  }
  const idsOf = (batch: readonly Item[]) => batch.map(({ id }) => id);

  test('without a delay whoever is free gets what there is', () => {
    const batcher = filled(0, 'b', [5]);
    expect(idsOf(batcher.next(EVERYTHING, 5))).toEqual([0]);
    const more = filled(0, 'b', [5, 5, 5, 5, 5, 5]);
    expect(idsOf(more.next(EVERYTHING, 5))).toEqual([0, 1, 2, 3]);
    expect(idsOf(more.next(EVERYTHING, 5))).toEqual([4, 5]);
  });

  test('with a delay a full batch goes at once, another when its first item has waited so long, and not before', () => {
    const batcher = filled(10, 'b', [100, 101, 102, 103, 104, 105]);
    expect(idsOf(batcher.next(EVERYTHING, 105))).toEqual([0, 1, 2, 3]);
    expect(batcher.next(EVERYTHING, 105)).toEqual([]);
    expect(batcher.nextDue(105)).toBe(114);
    // Once it is due it waits for someone who is free, and no alarm helps.
    expect([batcher.nextDue(114), batcher.nextDue(115)]).toEqual([115, undefined]);
    expect(batcher.next(EVERYTHING, 113.9)).toEqual([]);
    expect(idsOf(batcher.next(EVERYTHING, 114))).toEqual([4, 5]);
    expect(batcher.nextDue(114)).toBeUndefined();
  });

  test('what can have no company does not wait for any', () => {
    expect(idsOf(filled(10, 'a', [0, 0]).next(EVERYTHING, 0))).toEqual([0]);
  });

  test('an item with more rows than a batch runs alone, and the others keep their order', () => {
    const batcher = new Batcher<Item>(0);
    const flow = createFlow();
    for (const [id, rows] of [9, 1, 3, 2, 1].entries()) batcher.push({ key: 'b', rows, enqueued: 0, id }, flow, 1);
    expect(idsOf(batcher.next(EVERYTHING, 0))).toEqual([0]);
    expect(idsOf(batcher.next(EVERYTHING, 0))).toEqual([1, 2]);
    expect(idsOf(batcher.next(EVERYTHING, 0))).toEqual([3, 4]);
  });

  test('whoever has something to do as yet gets full batches only, and what shares none', () => {
    const batcher = filled(0, 'b', [0, 0, 0]);
    expect(batcher.next(FULL, 1000)).toEqual([]);
    batcher.push({ key: 'c', rows: 1, enqueued: 0, id: 3, alone: true }, createFlow(), 1);
    expect(idsOf(batcher.next(FULL, 0))).toEqual([3]);
    batcher.push({ key: 'b', rows: 1, enqueued: 0, id: 4 }, createFlow(), 1);
    expect(idsOf(batcher.next(FULL, 0)).sort()).toEqual([0, 1, 2, 4]);
    // A batch of one row is full with it.
    expect(idsOf(filled(0, 'a', [0]).next(FULL, 0))).toEqual([0]);
  });

  test('what shares no batch runs alone and at once, and the others go without it', () => {
    const batcher = new Batcher<Item>(10);
    const flow = createFlow();
    for (let id = 0; id < 6; id++) {
      batcher.push({ key: 'b', rows: 1, enqueued: 0, id, alone: id === 2 }, flow, 1);
    }
    expect([0, 0, 10].map((now) => idsOf(batcher.next(EVERYTHING, now)))).toEqual([[0, 1, 3, 4], [2], [5]]);
  });

  test('what is put back is the next of its kind, and counts for a full batch', () => {
    const batcher = filled(10, 'b', [0, 1, 2, 3, 4, 5, 6]);
    const batch = batcher.next(EVERYTHING, 6);
    expect(idsOf(batch)).toEqual([0, 1, 2, 3]);
    expect(batcher.next(EVERYTHING, 6)).toEqual([]);
    const flow = createFlow();
    for (const item of batch.slice(0, 2)) batcher.putBack(item, flow, 1);
    expect(batcher.length).toBe(5);
    expect(idsOf(batcher.next(EVERYTHING, 6))).toEqual([0, 1, 4, 5]);
  });

  test('items with equal views take their rows of a batch once, however full it is', () => {
    const batcher = new Batcher<Item>(0);
    const flow = createFlow();
    const views = ['x', 'x', 'y', 'x', undefined, 'y', undefined];
    for (const [id, name] of views.entries()) {
      batcher.push({ key: 'b', rows: 2, enqueued: 0, id, views: name }, flow, 1);
    }
    batcher.push({ key: 'c', rows: 2, enqueued: 0, id: 7, views: 'x' }, flow, 1);
    expect(idsOf(batcher.next(EVERYTHING, 0))).toEqual([0, 1, 2, 3, 5]);
    expect(idsOf(batcher.next(EVERYTHING, 0))).toEqual([4, 6]);
    expect(idsOf(batcher.next(EVERYTHING, 0))).toEqual([7]);
  });

  test('a batch takes its items in turns from the flows that have some', () => {
    const batcher = new Batcher<Item>(0);
    const crowd = createFlow();
    for (let id = 0; id < 100; id++) batcher.push({ key: 'b', rows: 1, enqueued: 0, id }, crowd, 1);
    batcher.push({ key: 'b', rows: 1, enqueued: 1, id: 100 }, createFlow(), 1);
    expect(idsOf(batcher.next(EVERYTHING, 1))).toContain(100);
  });

  test('twelve thousand shuffled items leave in as few batches as can be', () => {
    const random = createRandom(1);
    const items = Array.from(
      { length: 12_000 },
      (_, id): Item => ({ key: KEYS[id % 3] as Key, rows: 1, enqueued: 0, id }),
    );
    for (let i = items.length - 1; i > 0; i--) {
      const j = random.integer(i + 1);
      [items[i], items[j]] = [items[j] as Item, items[i] as Item];
    }
    const batcher = new Batcher<Item>(0);
    const flows = Array.from({ length: 50 }, createFlow);
    for (const [i, item] of items.entries()) batcher.push(item, flows[i % 50] as (typeof flows)[number], 1);
    const seen = new Set<number>();
    const batches = new Map<Key, number>();
    for (let batch = batcher.next(EVERYTHING, 0); batch.length > 0; batch = batcher.next(EVERYTHING, 0)) {
      const key = batch[0]?.key as Key;
      expect(batch.every((item) => item.key === key)).toBe(true);
      batches.set(key, (batches.get(key) ?? 0) + 1);
      for (const { id } of batch) seen.add(id);
    }
    expect(seen.size).toBe(12_000);
    expect(Object.fromEntries(batches)).toEqual({ a: 4000, b: 1000, c: 250 });
  });
});
