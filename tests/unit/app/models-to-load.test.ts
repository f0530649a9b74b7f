import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { defaultModelOf, modelsToLoad } from '../../../src/app/models-to-load.js';
import { loadConfig } from '../../../src/config/load-config.js';
import { openRepository } from '../../../src/zoo/open-repository.js';
import { manifestOf, temporaryFolder, writeTree } from '../../support/model-folders.js';

async function wanted(env: Record<string, string>) {
  const folder = await temporaryFolder();
  const model = (id: string) => ({ [`${id}/manifest.json`]: manifestOf(id), [`${id}/labels.txt`]: 'one\ntwo\n' });
  const members = [{ model: 'a' }, { model: 'b' }];
  await writeTree(folder, {
    ...model('a'),
    ...model('b'),
    'b/b.onnx': '',
    'broken/manifest.json': '{',
    'ensembles/both.json': { id: 'both', title: 'both', members },
  });
  return (await modelsToLoad(await openRepository([folder]), loadConfig(env))).first;
}

describe('the models to load at start', () => {
  test('are those that are named, each once, with the variant that was said', async () => {
    expect(await wanted({ MENAGERIE_MODELS: 'both,a:fp32' })).toEqual([
      { id: 'a', variant: 'fp32' },
      { id: 'b', variant: undefined },
    ]);
  });

  test('must exist, all of them', async () => {
    await expect(wanted({ MENAGERIE_MODELS: 'x,a:int8,broken' })).rejects.toMatchObject({
      code: 'invalid_config',
      message: expect.stringMatching(
        /^MENAGERIE_MODELS: there is no model "x"; "a" has no variant "int8"; there is no model "broken": .*JSON/,
      ),
    });
  });

  test('are checked together with the default, which may be an ensemble', async () => {
    for (const id of ['a', 'both'])
      expect(await wanted({ MENAGERIE_DEFAULT_MODEL: id, MENAGERIE_MODELS: 'b' })).toHaveLength(1);
    await expect(wanted({ MENAGERIE_DEFAULT_MODEL: 'c' })).rejects.toThrow(
      /^MENAGERIE_DEFAULT_MODEL: there is no model "c"$/,
    );
    await expect(wanted({ MENAGERIE_DEFAULT_MODEL: 'broken' })).rejects.toThrow(/"broken": .*JSON/);
  });
});

const repository = await openRepository([fileURLToPath(new URL('../../../models', import.meta.url))]);
const idsOf = (models: readonly { id: string }[]) => models.map(({ id }) => id);

describe('the bundled models', () => {
  const plan = (env: Record<string, string>) => modelsToLoad(repository, loadConfig(env));

  test('are waited for if photographs and digits need them, and follow otherwise', async () => {
    const { first, later } = await plan({});
    for (const id of ['efficientnet-lite2', 'lenet5']) expect(idsOf(first)).toContain(id);
    // The best first: if there is no memory for all, the others are left out.
    expect(idsOf(later).slice(0, 2)).toEqual(['efficientnet-lite0', 'cifar10-inception']);
    expect(idsOf(later).at(-1)).toBe('cifar10-plain44');
    expect(later).toHaveLength(9);
  });

  test('are waited for if they are named, or the default, or its members', async () => {
    expect(await plan({ MENAGERIE_MODELS: 'cifar10-nin' })).toEqual({
      first: [{ id: 'cifar10-nin', variant: undefined }],
      later: [],
    });
    const { first, later } = await plan({ MENAGERIE_DEFAULT_MODEL: 'cifar10-all' });
    expect(idsOf(first)).toContain('cifar10-resnet20');
    expect(idsOf(later)).toEqual(['efficientnet-lite0']);
  });

  test('give commands the default that the server has', async () => {
    const choice = (env: Record<string, string>) => defaultModelOf(repository, loadConfig(env));
    expect(await choice({ MENAGERIE_MODELS: 'lenet5,cifar10-nin,efficientnet-lite0,efficientnet-lite2' })).toBe(
      'efficientnet-lite2',
    );
    expect(await choice({ MENAGERIE_MODELS: 'lenet5,cifar10-nin' })).toBe('cifar10-nin');
    expect(await choice({ MENAGERIE_DEFAULT_MODEL: 'cifar10-all' })).toBe('cifar10-all');
  });
});
