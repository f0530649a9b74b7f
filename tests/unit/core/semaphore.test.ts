import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createFlow, type Flow } from '../../../src/core/queues/fair-queue.js';
import { Semaphore } from '../../../src/core/queues/semaphore.js';

describe('Semaphore', () => {
  test('never lets more than its permits run, and lets all of them run in order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.nat(3), { maxLength: 20 }),
        async (permits, pauses) => {
          const semaphore = new Semaphore(permits);
          const started: number[] = [];
          let running = 0;
          await Promise.all(
            pauses.map((pause, i) =>
              semaphore.run(async () => {
                started.push(i);
                expect(++running).toBeLessThanOrEqual(permits);
                for (let turn = 0; turn < pause; turn++) await Promise.resolve();
                running--;
              }),
            ),
          );
          expect(started).toEqual(pauses.map((_, i) => i));
        },
      ),
    );
  });

  test('a task whose signal aborts while it waits never starts, and its place goes to the next', async () => {
    const semaphore = new Semaphore(1);
    let finishFirst = () => {};
    const first = semaphore.run(
      () =>
        new Promise<void>((resolve) => {
          finishFirst = resolve;
        }),
    );
    const abort = new AbortController();
    const second = semaphore.run(() => Promise.reject(new Error('started')), abort.signal);
    const third = semaphore.run(async () => 'third');
    abort.abort('reason');
    await expect(second).rejects.toBe('reason');
    finishFirst();
    await first;
    expect(await third).toBe('third');
  });

  test('a task that throws gives its permit back', async () => {
    const semaphore = new Semaphore(1);
    await expect(semaphore.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await semaphore.run(async () => 1)).toBe(1);
  });

  /** Takes the only permit, lets tasks of these flows come, and tells the order in which they run then. */
  async function orderOf(tasks: readonly { name: string; flow: Flow; signal?: AbortSignal }[], meanwhile = () => {}) {
    const semaphore = new Semaphore(1);
    let finishFirst = () => {};
    const finished = new Promise<void>((resolve) => {
      finishFirst = resolve;
    });
    const first = semaphore.run(() => finished);
    const order: string[] = [];
    const running = tasks.map(({ name, flow, signal }) =>
      semaphore.run(async () => void order.push(name), signal, flow),
    );
    meanwhile();
    finishFirst();
    await Promise.allSettled([first, ...running]);
    return order;
  }

  test('a newcomer waits for one task of a flow that has many, not for all', async () => {
    const crowd = createFlow();
    const many = Array.from({ length: 100 }, (_, i) => ({ name: `crowd ${i}`, flow: crowd }));
    const order = await orderOf([...many, { name: 'newcomer', flow: createFlow() }]);
    expect(order).toHaveLength(101);
    expect(order.indexOf('newcomer')).toBeLessThanOrEqual(1);
    expect(order.filter((name) => name !== 'newcomer')).toEqual(many.map(({ name }) => name));
  });

  test('flows take turns', async () => {
    const [a, b] = [createFlow(), createFlow()];
    const tasks = [a, a, a, b, b, b].map((flow, i) => ({ name: `${flow === a ? 'a' : 'b'}${i % 3}`, flow }));
    expect(await orderOf(tasks)).toEqual(['a0', 'b0', 'a1', 'b1', 'a2', 'b2']);
  });

  test('what aborts while it waits leaves the turns of the others as they are', async () => {
    const [a, b] = [createFlow(), createFlow()];
    const abort = new AbortController();
    const tasks = [
      { name: 'a0', flow: a },
      { name: 'a1', flow: a, signal: abort.signal },
      { name: 'a2', flow: a },
      { name: 'b0', flow: b },
      { name: 'b1', flow: b },
    ];
    expect(await orderOf(tasks, () => abort.abort('gone'))).toEqual(['a0', 'b0', 'b1', 'a2']);
  });

  test('a signal that has aborted already keeps the task from starting, even with permits left', async () => {
    const semaphore = new Semaphore(1);
    const gone = AbortSignal.abort('gone');
    await expect(semaphore.run(() => Promise.reject(new Error('started')), gone)).rejects.toBe('gone');
    expect(await semaphore.run(async () => 1)).toBe(1);
  });

  test('tasks take as many permits as they weigh; only the last one may take more than are left', async () => {
    const tasks = fc.array(fc.record({ weight: fc.integer({ min: 1, max: 20 }), pause: fc.nat(3) }), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 10 }), tasks, async (permits, all) => {
        const semaphore = new Semaphore(permits);
        const started: number[] = [];
        let taken = 0;
        await Promise.all(
          all.map(({ weight, pause }, i) =>
            semaphore.run(
              async () => {
                started.push(i);
                expect(taken).toBeLessThan(permits);
                taken += weight;
                for (let turn = 0; turn < pause; turn++) await Promise.resolve();
                taken -= weight;
              },
              undefined,
              createFlow(),
              weight,
            ),
          ),
        );
        // However heavy, each has its turn, and none goes past another.
        expect(started).toEqual(all.map((_, i) => i));
        expect(await semaphore.run(async () => 'free', undefined, createFlow(), permits)).toBe('free');
      }),
    );
  });

  test('those that wait begin together once there are permits for them', async () => {
    const semaphore = new Semaphore(3);
    let finish = () => {};
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const all = semaphore.run(() => finished, undefined, createFlow(), 3);
    let running = 0;
    let together = 0;
    const three = Array.from({ length: 3 }, () =>
      semaphore.run(async () => {
        together = Math.max(together, ++running);
        await new Promise(setImmediate);
        running--;
      }),
    );
    await new Promise(setImmediate);
    expect(running).toBe(0);
    finish();
    await Promise.all([all, ...three]);
    expect(together).toBe(3);
  });

  test('flows take turns in proportion to what their tasks weigh', async () => {
    const semaphore = new Semaphore(1);
    const [heavy, light] = [createFlow(), createFlow()];
    let finish = () => {};
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const first = semaphore.run(() => finished);
    const order: string[] = [];
    const tasks = Array.from({ length: 4 }, () =>
      semaphore.run(async () => void order.push('heavy'), undefined, heavy, 4),
    );
    for (let i = 0; i < 12; i++) tasks.push(semaphore.run(async () => void order.push('light'), undefined, light, 1));
    finish();
    await Promise.all([first, ...tasks]);
    expect(order.slice(0, 10).filter((name) => name === 'light')).toHaveLength(8);
  });
});
