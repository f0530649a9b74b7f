import { describe, expect, test } from 'vitest';
import { modelsToLoad } from '../../../src/app/models-to-load.js';
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
  return modelsToLoad(await openRepository([folder]), loadConfig(env));
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
