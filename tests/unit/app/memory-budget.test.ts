import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { memoryBudget, shareOf } from '../../../src/app/memory-budget.js';
import { networksThatFit, workersThatFit } from '../../../src/app/start-plan.js';
import { usesCuda } from '../../../src/runtime/device/providers.js';
import { heldBytes } from '../../../src/runtime/networks/network-memory.js';
import { NO_LEVERS } from '../../../src/runtime/workers/process/levers.js';

const [MIB, GIB] = [2 ** 20, 2 ** 30];
const CONFIG = { uploadMemory: 256 * MIB, cache: 64 * MIB, maxPixels: 50_000_000, device: 'cpu' } as const;
const LEVERS = { ...NO_LEVERS, dataLimit: true };

describe('memoryBudget', () => {
  test('whatever the processes may have fits into the memory together, where there is enough for any', () => {
    const sizes = fc.record({
      memory: fc.integer({ min: 2048, max: 512 * 1024 }).map((mib) => mib * MIB),
      processes: fc.integer({ min: 1, max: 128 }),
      uploadMemory: fc.integer({ min: 1, max: 512 }).map((mib) => mib * MIB),
      cache: fc.integer({ min: 0, max: 512 }).map((mib) => mib * MIB),
    });
    fc.assert(
      fc.property(sizes, ({ memory, processes, uploadMemory, cache }) => {
        const budget = memoryBudget({ ...CONFIG, uploadMemory, cache }, memory, processes, LEVERS);
        const { workers, viewBytes, activationBytes } = budget;
        for (const bytes of [workers.share, workers.decodeBytes, viewBytes, activationBytes, budget.inspectionBytes]) {
          expect(Number.isInteger(bytes)).toBe(true);
        }
        expect(workers.decodeBytes).toBeLessThanOrEqual(workers.share / 2);
        expect(viewBytes).toBeLessThanOrEqual(memory / 16);
        expect(activationBytes).toBeLessThanOrEqual(memory / 8);
        const least = shareOf({ uploadMemory, cache }, 0, 1);
        expect(workers.share).toBeGreaterThanOrEqual(least);
        if (workers.share > least) {
          expect(processes * workers.share + uploadMemory + cache + viewBytes).toBeLessThan(0.9 * memory);
        }
      }),
    );
  });

  test('limits what workers may ask for where the system can, but not those that use a GPU', () => {
    const limited = (device: 'cpu' | 'cuda', levers = LEVERS) =>
      memoryBudget({ ...CONFIG, device }, 16 * GIB, 4, levers).workers.dataLimit;
    expect([limited('cpu'), limited('cpu', NO_LEVERS), limited('cuda')]).toEqual([true, false, !usesCuda('cuda')]);
  });
});

describe('workersThatFit', () => {
  const share = (memory: number) => (workers: number) => shareOf(CONFIG, memory, workers);

  test('is as many as wanted, as far as memory goes, and never none', () => {
    const network = (gib: number) => [{ bytes: gib * GIB }];
    expect(workersThatFit(network(0.1), 4, share(16 * GIB))).toBe(4);
    // 0.6 GiB of weights take 1.8 GiB and a little in each of them.
    expect(workersThatFit(network(0.6), 16, share(8 * GIB))).toBe(3);
    expect(workersThatFit(network(5), 2, share(GIB))).toBe(1);
    expect(workersThatFit([], 2, share(GIB))).toBe(2);
  });

  test('is the most that do', () => {
    const networks = fc.array(
      fc.integer({ min: 1, max: 2000 }).map((mib) => ({ bytes: mib * MIB })),
      { maxLength: 6 },
    );
    const memories = fc.integer({ min: 1, max: 256 }).map((gib) => gib * GIB);
    fc.assert(
      fc.property(networks, memories, fc.integer({ min: 1, max: 64 }), (loaded, memory, wanted) => {
        const fitting = workersThatFit(loaded, wanted, share(memory));
        const fits = (workers: number) => heldBytes(loaded) <= share(memory)(workers);
        expect(fitting).toBeGreaterThanOrEqual(1);
        expect(fitting).toBeLessThanOrEqual(wanted);
        if (fitting > 1) expect(fits(fitting)).toBe(true);
        if (fitting < wanted) expect(fits(fitting + 1)).toBe(false);
      }),
    );
  });
});

test('networks that share a session hold it once', () => {
  const base = { bytes: GIB, session: 's' };
  const head = { bytes: GIB, session: 's', headBytes: MIB };
  const more = heldBytes([base, head]) - heldBytes([base]);
  expect(more).toBeGreaterThan(MIB);
  expect(more).toBeLessThan(16 * MIB);
  expect(heldBytes([head, base])).toBe(heldBytes([base, head]));
  expect(heldBytes([base, head, head]) - heldBytes([base, head])).toBe(more);
  expect(heldBytes([base, { bytes: GIB }])).toBeGreaterThan(2 * GIB);
});

test('of networks that may follow, as many are loaded as every worker holds, in their order', () => {
  const small = { bytes: MIB };
  const held = [small];
  const of = (count: number) => heldBytes([...held, ...Array(count).fill(small)]);
  const three = [small, small, small];
  expect(networksThatFit(held, three, of(3))).toBe(3);
  expect(networksThatFit(held, three, of(3) - 1)).toBe(2);
  expect(networksThatFit(held, three, of(0))).toBe(0);
  expect(networksThatFit(held, [small, { bytes: GIB }, small], of(3))).toBe(1);
});
