import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { commitModel, type NewModel, stageModel } from '../../src/zoo/model-folder.js';
import { openRepository } from '../../src/zoo/open-repository.js';
import { findVariant, verifyWeights, weightsPath } from '../../src/zoo/weights.js';
import { manifestOf, temporaryFolder } from '../support/model-folders.js';

// A process that changes a model folder is killed before each of its calls that change the disk. Whenever that is, the folder holds a
// whole version, or none if there was none, and the next change works.

const path = (name: string) => fileURLToPath(new URL(`../support/${name}`, import.meta.url));

function modelOf(network: string): NewModel {
  const { labels, variants, default_variant, ...manifest } = manifestOf('mine') as NewModel['manifest'] &
    Record<string, unknown>;
  return {
    manifest,
    variant: 'fp32',
    network: { name: 'model.onnx', content: network },
    labels: [{ name: 'one' }, { name: 'two' }],
    golden: { picture: { name: 'golden.png', content: 'a picture' }, index: 1, within: 1 },
    others: [{ name: 'training.json', content: '{}' }],
  };
}

/** Runs change-model.mjs. @returns whether it was killed */
async function change(what: string, root: string, network: string, killAt: number): Promise<boolean> {
  const args = [
    '--import',
    path('killed-at.mjs'),
    path('change-model.mjs'),
    what,
    root,
    JSON.stringify(modelOf(network)),
  ];
  const env = { PATH: process.env.PATH, KILL_AT: String(killAt) };
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const [code, signal] = await once(child, 'close');
  expect([code, signal]).toEqual(signal ? [null, 'SIGKILL'] : [0, null]);
  return signal !== null;
}

/** The network that would serve, after its hash was checked; undefined if there is no model. */
async function current(root: string): Promise<string | undefined> {
  const { models, refused } = await openRepository([root]);
  expect(refused).toEqual([]);
  const model = models.get('mine');
  if (!model) return undefined;
  await verifyWeights(model, findVariant(model));
  expect(model.labels).toHaveLength(2);
  return readFile(weightsPath(model, findVariant(model)), 'utf8');
}

test('several processes at once leave a whole version, and the one before it', async () => {
  const root = join(await temporaryFolder(), 'models');
  const networks = ['a', 'b', 'c', 'd', 'e'];
  await Promise.all(networks.map((network) => change('write', root, network, 0)));
  const last = await current(root);
  expect(networks).toContain(last);
  await change('rollback', root, '', 0);
  const before = await current(root);
  expect(networks.filter((network) => network !== last)).toContain(before);
});

test('what cannot be written leaves nothing', async () => {
  const root = join(await temporaryFolder(), 'models');
  const model = modelOf('a');
  const lost = { name: 'model.onnx', content: { copyOf: join(root, 'not-there.onnx') } };
  await expect(stageModel(root, { ...model, network: lost })).rejects.toMatchObject({ code: 'io_error' });
  const outside = [{ name: '../../../outside', content: '' }];
  await expect(stageModel(root, { ...model, others: outside })).rejects.toMatchObject({ code: 'io_error' });
  const noFamily = { ...model, manifest: { ...model.manifest, family: '' } };
  await expect(stageModel(root, noFamily)).rejects.toMatchObject({ code: 'invalid_manifest' });
  const elsewhere = { ...model, manifest: { ...model.manifest, id: '../mine' } };
  await expect(stageModel(root, elsewhere)).rejects.toMatchObject({ code: 'invalid_manifest' });
  expect(await readdir(root)).toEqual([]);
});

test.each([
  // Most steps are those of the next case.
  { what: 'write', before: [], left: [undefined, 'new'], steps: 2 },
  { what: 'write', before: ['a', 'b'], left: ['b', 'new'], steps: 1 },
  { what: 'rollback', before: ['a', 'b'], left: ['b', 'a'], steps: 1 },
  { what: 'remove', before: ['a', 'b'], left: ['b', undefined], steps: 1 },
])('$what after $before, killed at steps $steps apart', async ({ what, before, left, steps }) => {
  const start = await temporaryFolder();
  for (const network of before) await commitModel(await stageModel(start, modelOf(network)));
  const seen = new Set<string | undefined>();
  for (let killAt = 1, killed = true; killed; killAt += steps) {
    const root = join(await temporaryFolder(), 'models');
    await cp(start, root, { recursive: true });
    killed = await change(what, root, 'new', killAt);
    const found = await current(root);
    expect(left).toContain(found);
    if (!killed) expect(found).toBe(left[1]);
    seen.add(found);
    // What comes next works, and removes what was left lying about.
    await commitModel(await stageModel(root, modelOf('next')));
    expect(await current(root)).toBe('next');
    const names = [...(await readdir(root)), ...(await readdir(join(root, 'mine')))];
    expect(names.filter((name) => name.endsWith('.partial') || name.endsWith('.lock'))).toEqual([]);
  }
  expect([...seen].sort()).toEqual([...left].sort());
});
