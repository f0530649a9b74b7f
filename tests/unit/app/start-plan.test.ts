import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { layoutOf } from '../../../src/app/layout.js';
import { planStart } from '../../../src/app/start-plan.js';
import { loadConfig } from '../../../src/config/load-config.js';
import { readMachine } from '../../../src/runtime/device/machine.js';
import { usesCuda } from '../../../src/runtime/device/providers.js';
import { manifestOf, temporaryFolder, writeTree } from '../../support/model-folders.js';

const GIB = 2 ** 30;

/** The plan for two cores and so much memory, with nothing configured. */
const planFor = (gib: number, env: Record<string, string> = {}) =>
  planStart(loadConfig({ DEVICE: 'cpu', ...env }), { ...readMachine(), usableCores: 2, usableMemory: gib * GIB });

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
    const plans = await Promise.all([0.5, 0.75, 1, 1.25, 1.5, 2, 3].map((gib) => planFor(gib)));
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

describe('instances for lone requests', () => {
  const layout = (settings: { workers?: number; threads?: number; loneThreads?: number }, cores: number) =>
    layoutOf(
      { workers: undefined, threads: undefined, loneThreads: undefined, device: 'cpu', ...settings },
      { usableCores: cores },
    );

  test.each([
    ['as many as there are cores', {}, 2, 2],
    ['8 at most', {}, 64, 8],
    ['as many as are set', { loneThreads: 3 }, 2, 3],
    ['none on one core', {}, 1, 1],
    ['none if that is set', { loneThreads: 1 }, 4, 1],
    ['none where all instances have as many', { threads: 4 }, 4, 1],
    ['more than the others have', { threads: 2 }, 4, 4],
  ])('have threads: %s', (_, settings, cores, threads) => {
    expect(layout(settings, cores).loneThreads).toBe(threads);
  });

  test('are not there beside a GPU', () => {
    const config = { workers: undefined, threads: undefined, loneThreads: 4, device: 'cuda-required' } as const;
    expect(layoutOf(config, { usableCores: 4 }).loneThreads).toBe(usesCuda('cuda-required') ? 1 : 4);
  });

  test('are named at start where memory does not hold them', async () => {
    const folder = await temporaryFolder();
    const sizes = { small: 10, large: 400 };
    for (const [id, mib] of Object.entries(sizes)) {
      await writeTree(folder, {
        [`${id}/manifest.json`]: manifestOf(id, { macs: 2e9 }),
        [`${id}/labels.txt`]: 'one\ntwo',
      });
      const file = join(folder, id, `${id}.onnx`);
      writeFileSync(file, '');
      truncateSync(file, mib * 2 ** 20);
    }
    const noteFor = async (gib: number, models: string) => {
      const { notes } = await planFor(gib, { MODEL_DIRS: folder, MENAGERIE_MODELS: models });
      return notes.find((note) => note.startsWith('a lone request'));
    };
    const all = 'a lone request runs on 2 threads, in second instances of networks over 1 GMAC';
    expect(await noteFor(16, 'small,large')).toBe(all);
    expect(await noteFor(6, 'small,large')).toBe(`${all}; memory does not hold those of large`);
    expect(await noteFor(16, 'lenet5')).toBeUndefined();
  });
});
