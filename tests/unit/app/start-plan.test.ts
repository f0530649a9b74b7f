import { describe, expect, test } from 'vitest';
import { planStart } from '../../../src/app/start-plan.js';
import { loadConfig } from '../../../src/config/load-config.js';
import { readMachine } from '../../../src/runtime/device/machine.js';

const GIB = 2 ** 30;

/** The plan for two cores and so much memory, with nothing configured. */
const planFor = (gib: number) =>
  planStart(loadConfig({ DEVICE: 'cpu' }), { ...readMachine(), usableCores: 2, usableMemory: gib * GIB });

describe('the plan for a start', () => {
  test('loads all bundled networks into every worker where there is memory, and says so', async () => {
    const { config, load, notes } = await planFor(16);
    expect(config.workers).toBe(2);
    expect(load.first.length).toBeGreaterThanOrEqual(2);
    expect(load.later).toHaveLength(9);
    expect(notes).toContainEqual(
      expect.stringMatching(
        /^2 workers load .*efficientnet-lite2.*lenet5.*; then efficientnet-lite0, cifar10-inception, /,
      ),
    );
    expect(notes.join()).not.toContain('memory');
  });

  test('leaves out those that may follow before it does with fewer workers, and names them', async () => {
    const plans = await Promise.all([0.5, 0.75, 1, 1.25, 1.5, 2, 3].map(planFor));
    const counts = plans.map(({ load }) => load.later.length);
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    const tight = plans.find(({ config, load }) => config.workers === 2 && load.later.length < 9);
    const left = 9 - (tight?.load.later.length ?? 9);
    const note = tight?.notes.find((text) => text.startsWith('memory does not hold '));
    expect(note).toMatch(/cifar10-plain44: not loaded$/);
    expect(note?.split(',')).toHaveLength(left);
    expect(plans[0]?.load.first.map(({ id }) => id)).toContain('efficientnet-lite2');
  });
});
