import { join } from 'node:path';
import { expect, test } from 'vitest';
import { baseFileOf } from '../../../src/serving/loading/base-file.js';
import { openRepository } from '../../../src/zoo/open-repository.js';
import { manifestOf, temporaryFolder, writeTree } from '../../support/model-folders.js';

const [FIRST, SECOND] = ['1'.repeat(64), '2'.repeat(64)];
const from = (model: string, sha256: string) => ({ derived_from: { model, variant: 'fp32', sha256 } });

async function repositoryOf(manifests: Record<string, object>) {
  const folder = await temporaryFolder();
  for (const [id, changes] of Object.entries(manifests)) {
    await writeTree(folder, { [`${id}/manifest.json`]: manifestOf(id, changes), [`${id}/labels.txt`]: 'one\ntwo' });
  }
  const repository = await openRepository([folder]);
  const baseOf = (id: string) => {
    const model = repository.models.get(id);
    if (!model) throw new Error(`${id} was refused`);
    return baseFileOf(repository, model);
  };
  return { folder, baseOf };
}

test('the base of a model is the file that it was trained on, as it was then', async () => {
  const files = { fp32: { file: 'x.onnx', external_data: [{ file: 'x.bin', sha256: SECOND }, { file: 'y.bin' }] } };
  const { folder, baseOf } = await repositoryOf({ base: { variants: files }, head: from('base', FIRST) });
  expect(baseOf('head')).toEqual({
    file: join(folder, 'base', 'x.onnx'),
    fileSha256: FIRST,
    externalSha256: { 'x.bin': SECOND },
    output: 'y',
  });
  expect(baseOf('base')).toBeUndefined();
});

test('of a model that was trained on a trained one it is the first, as far as that is there', async () => {
  const chain = { head: from('base', FIRST), further: from('head', SECOND) };
  const { folder, baseOf } = await repositoryOf({ base: {}, ...chain });
  expect(baseOf('further')).toMatchObject({ file: join(folder, 'base', 'base.onnx'), fileSha256: FIRST });
  const gone = await repositoryOf(chain);
  expect(gone.baseOf('head')).toBeUndefined();
  expect(gone.baseOf('further')).toMatchObject({ file: join(gone.folder, 'head', 'head.onnx'), fileSha256: SECOND });
});

test('models that name each other have none', async () => {
  const { baseOf } = await repositoryOf({ a: from('b', FIRST), b: from('a', SECOND), c: from('c', FIRST) });
  expect([baseOf('a'), baseOf('b'), baseOf('c')]).toEqual([undefined, undefined, undefined]);
});

test('a variant that the base does not have is none', async () => {
  const int8 = { derived_from: { model: 'base', variant: 'int8', sha256: FIRST } };
  expect((await repositoryOf({ base: {}, head: int8 })).baseOf('head')).toBeUndefined();
});
