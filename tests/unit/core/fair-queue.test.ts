import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createFlow, FairQueue } from '../../../src/core/queues/fair-queue.js';

interface Thing {
  flow: number;
  cost: number;
  /** Arrivals are numbered. */
  id: number;
}

const costs = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.double({ min: 0.001, max: 50, noNaN: true }));
/** A thing of some flow arrives, or the next is served. */
const arrival = fc.record({ flow: fc.nat(3), cost: costs });
const steps = fc.array(
  fc.oneof({ weight: 3, arbitrary: arrival }, { weight: 2, arbitrary: fc.constant('serve' as const) }),
  {
    maxLength: 300,
  },
);

/** A queue and the flows of those who use it. */
function setUp() {
  const queue = new FairQueue<Thing>();
  const flows = Array.from({ length: 4 }, createFlow);
  let arrived = 0;
  const push = ({ flow, cost }: { flow: number; cost: number }): Thing => {
    const thing = { flow, cost, id: arrived++ };
    queue.push(thing, flows[flow] as (typeof flows)[number], cost);
    return thing;
  };
  return { queue, push };
}

function drained<T>(queue: FairQueue<T>): T[] {
  const all: T[] = [];
  for (let next = queue.take(); next !== undefined; next = queue.take()) all.push(next);
  return all;
}

describe('FairQueue', () => {
  test('newcomers are served in the order they came, whatever they cost and whenever others are served', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(costs, fc.constant('serve' as const)), { maxLength: 100 }), (actions) => {
        const queue = new FairQueue<number>();
        const served: number[] = [];
        let arrived = 0;
        for (const action of actions) {
          if (action === 'serve') served.push(...[queue.take()].filter((id) => id !== undefined));
          else queue.push(arrived++, createFlow(), action);
        }
        served.push(...drained(queue));
        expect(served).toEqual(Array.from({ length: arrived }, (_, i) => i));
      }),
    );
  });

  test('the things of a flow are served in the order they came', () => {
    fc.assert(
      fc.property(steps, (actions) => {
        const { queue, push } = setUp();
        const served: Thing[] = [];
        for (const action of actions) {
          if (action !== 'serve') push(action);
          else served.push(...[queue.take()].filter((thing) => thing !== undefined));
        }
        served.push(...drained(queue));
        for (const flow of [0, 1, 2, 3]) {
          const ids = served.filter((thing) => thing.flow === flow).map(({ id }) => id);
          expect(ids).toEqual([...ids].sort((a, b) => a - b));
        }
      }),
    );
  });

  test('a newcomer waits for at most one thing of a flow that has queued a hundred, however many of those are served', () => {
    fc.assert(
      fc.property(fc.nat(99), costs, costs, (before, crowdCost, cost) => {
        const queue = new FairQueue<string>();
        const crowd = createFlow();
        for (let i = 0; i < 100; i++) queue.push('crowd', crowd, crowdCost);
        for (let i = 0; i < before; i++) queue.take();
        queue.push('newcomer', createFlow(), cost);
        expect([queue.take(), queue.take()]).toContain('newcomer');
      }),
    );
  });

  test('a flow that was idle has saved nothing up: it gets no more than its turns', () => {
    const queue = new FairQueue<string>();
    const [busy, idle] = [createFlow(), createFlow()];
    queue.push('idle', idle, 1);
    for (let i = 0; i < 60; i++) queue.push('busy', busy, 1);
    for (let i = 0; i < 31; i++) queue.take();
    for (let i = 0; i < 30; i++) queue.push('idle', idle, 1);
    const next = Array.from({ length: 20 }, () => queue.take());
    expect(next.filter((who) => who === 'idle')).toHaveLength(10);
  });

  test('what flows get while both have things waiting differs by their largest costs at most', () => {
    // The theorem of Goyal, Vin and Cheng 1996 for weights of 1, over every span of time within which both have waiting things.
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 60 }), (actions, head) => {
        const { queue, push } = setUp();
        const waiting = [0, 0, 0, 0];
        const largest = [0, 0, 0, 0];
        /** Of each pair: by how much more the first was served since both were last seen waiting, and the extremes of that. */
        const pairs = [0, 1, 2, 3].flatMap((a) =>
          [0, 1, 2, 3].filter((b) => b > a).map((b) => ({ a, b, difference: 0, least: 0, most: 0 })),
        );
        const look = (served?: Thing) => {
          for (const pair of pairs) {
            if (!waiting[pair.a] || !waiting[pair.b]) Object.assign(pair, { difference: 0, least: 0, most: 0 });
            else if (served) {
              if (served.flow === pair.a) pair.difference += served.cost;
              if (served.flow === pair.b) pair.difference -= served.cost;
              pair.least = Math.min(pair.least, pair.difference);
              pair.most = Math.max(pair.most, pair.difference);
              const bound = (largest[pair.a] as number) + (largest[pair.b] as number);
              expect(pair.most - pair.least).toBeLessThanOrEqual(bound * (1 + 1e-9));
            }
          }
        };
        const start = Array.from({ length: head }, (_, i) => ({ flow: i % 4, cost: 1 + ((i * 7) % 13) }));
        for (const action of [...start, ...actions, ...Array.from({ length: 300 }, () => 'serve' as const)]) {
          if (action !== 'serve') {
            push(action);
            waiting[action.flow] = (waiting[action.flow] as number) + 1;
            largest[action.flow] = Math.max(largest[action.flow] as number, action.cost);
            look();
          } else {
            const served = queue.take();
            if (served) waiting[served.flow] = (waiting[served.flow] as number) - 1;
            look(served);
          }
        }
        expect(queue.length).toBe(0);
      }),
    );
  });

  test('shares are equal in cost, not in number', () => {
    const { queue, push } = setUp();
    for (let i = 0; i < 400; i++) push({ flow: 0, cost: 1 });
    for (let i = 0; i < 40; i++) push({ flow: 1, cost: 10 });
    const half = Array.from({ length: 220 }, () => queue.take() as Thing);
    expect(half.filter(({ flow }) => flow === 0).length).toBeGreaterThanOrEqual(190);
    expect(half.filter(({ flow }) => flow === 1).length).toBeGreaterThanOrEqual(19);
  });

  test('nothing is lost or served twice, whatever is taken, passed over or removed; the iterator shows the order', () => {
    const action = fc.oneof(
      { weight: 3, arbitrary: arrival.map((thing) => ({ type: 'push' as const, ...thing })) },
      { weight: 2, arbitrary: fc.record({ type: fc.constant('take' as const), not: fc.nat(4) }) },
      {
        weight: 1,
        arbitrary: fc.record({ type: fc.constant('remove' as const), modulo: fc.integer({ min: 1, max: 5 }) }),
      },
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
        const { queue, push } = setUp();
        const inside = new Set<Thing>();
        for (const step of actions) {
          const order = [...queue];
          if (step.type === 'push') inside.add(push(step));
          else if (step.type === 'take') {
            const taken = queue.take(({ flow }) => flow !== step.not);
            expect(taken).toBe(order.find(({ flow }) => flow !== step.not));
            if (taken) expect(inside.delete(taken)).toBe(true);
          } else {
            const removed = queue.remove(({ id }) => id % step.modulo === 0);
            expect(removed).toEqual(order.filter(({ id }) => id % step.modulo === 0));
            expect([...queue]).toEqual(order.filter(({ id }) => id % step.modulo !== 0));
            for (const thing of removed) inside.delete(thing);
          }
          expect(queue.length).toBe(inside.size);
        }
        const order = [...queue];
        expect(new Set(order)).toEqual(inside);
        expect(drained(queue)).toEqual(order);
      }),
    );
  });

  test('newcomers without end do not keep waiting what was there before them', () => {
    const queue = new FairQueue<string>();
    const old = createFlow();
    for (let i = 0; i < 10; i++) queue.push('old', old, 1);
    for (let i = 0; i < 5; i++) queue.push('new', createFlow(), 1);
    let [olds, served] = [0, 0];
    // Whoever is served comes again as somebody new.
    while (olds < 10 && served < 1000) {
      served++;
      if (queue.take() === 'old') olds++;
      else queue.push('new', createFlow(), 1);
    }
    // Six take turns.
    expect(olds).toBe(10);
    expect(served).toBeLessThanOrEqual(80);
  });

  test('a newcomer need not wait for what went past others that could not be served', () => {
    const queue = new FairQueue<string>();
    const [fast, slow] = [createFlow(), createFlow()];
    for (let i = 0; i < 60; i++) queue.push('slow', slow, 1);
    for (let i = 0; i < 60; i++) queue.push('fast', fast, 1);
    // Those who serve fast things have come much further.
    for (let i = 0; i < 50; i++) expect(queue.take((item) => item === 'fast')).toBe('fast');
    queue.push('slow newcomer', createFlow(), 1);
    const next = [0, 1].map(() => queue.take((item) => item !== 'fast'));
    expect(next).toContain('slow newcomer');
  });

  test('what is put back goes before all others, in the order in which it is put back, and nobody else loses a turn', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 5 }), (actions, number) => {
        const { queue, push } = setUp();
        for (const action of actions) {
          if (action === 'serve') queue.take();
          else push(action);
        }
        const taken = Array.from({ length: number }, () => queue.take()).filter((thing) => thing !== undefined);
        const others = [...queue];
        const flow = createFlow();
        for (const thing of taken) queue.putBack(thing, flow, thing.cost);
        expect(queue.length).toBe(taken.length + others.length);
        expect([...queue]).toEqual([...taken, ...others]);
        expect(drained(queue)).toEqual([...taken, ...others]);
      }),
    );
  });

  test('what was put back may be removed', () => {
    const queue = new FairQueue<string>();
    const flow = createFlow();
    queue.push('a', flow, 1);
    queue.putBack(queue.take() as string, flow, 1);
    expect([queue.remove(() => true), queue.length, queue.take()]).toEqual([['a'], 0, undefined]);
  });
});
