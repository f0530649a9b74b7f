import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, symlink, truncate, unlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Tuned } from '../../../src/core/manifest/tuning.js';
import { openRepository } from '../../../src/zoo/open-repository.js';
import type { Repository } from '../../../src/zoo/repository.js';
import { readTuned, writeTuned } from '../../../src/zoo/tuned.js';
import { findVariant, isPulled, verifyWeights, weightsPath } from '../../../src/zoo/weights.js';
import { manifestOf, sha256, temporaryFolder, writeTree } from '../../support/model-folders.js';

const BUILT_IN = fileURLToPath(new URL('../../../models', import.meta.url));
const ZOO = [
  'alexnet caffenet vgg16 vgg19 resnet18 resnet34 resnet50 resnet101 resnet152 resnet50-v2 googlenet inception-v1',
  'inception-v2 squeezenet1.1 mobilenetv2 densenet121 shufflenet-v2',
].flatMap((line) => line.split(' '));

async function open(files: Parameters<typeof writeTree>[1]): Promise<Repository & { root: string }> {
  const root = await temporaryFolder();
  await writeTree(root, files);
  return Object.assign(await openRepository([root]), { root });
}

function refusal(repository: Repository, id: string) {
  const found = repository.refused.find((folder) => folder.id === id);
  return { code: found?.error.code, message: found?.error.message };
}

describe('the models that come with the project', () => {
  it.each(ZOO)('%s is in order', async (id) => {
    const { models, refused } = await openRepository([BUILT_IN]);
    expect(refused.filter((folder) => folder.id === id)).toEqual([]);
    const model = models.get(id);
    expect(model?.labels).toHaveLength(1000);
    expect(model?.labels[model.manifest.golden?.index as number]?.name).toBe('golf ball');
    expect(model?.goldenImage).toBe(join(BUILT_IN, 'golden', 'golf-ball.png'));
  });

  it('name the classes of ImageNet in two orders', async () => {
    const { models } = await openRepository([BUILT_IN]);
    const usual = models.get('alexnet')?.labels ?? [];
    const devkit = models.get('inception-v2')?.labels ?? [];
    expect(usual[0]).toMatchObject({ wnid: 'n01440764', name: 'tench, Tinca tinca' });
    expect(usual[999]).toMatchObject({ wnid: 'n15075141', name: 'toilet tissue, toilet paper, bathroom tissue' });
    expect([79, 124, 173].map((index) => devkit[index]?.name)).toEqual([
      'zebra',
      'golden retriever',
      'tabby, tabby cat',
    ]);
    const wnids = (labels: typeof usual) => labels.map(({ wnid }) => wnid).sort();
    expect(wnids(devkit)).toEqual(wnids(usual));
  });
});

describe('openRepository', () => {
  it('finds models, and leaves alone what is none', async () => {
    const { models, refused, root } = await open({
      'b/manifest.json': manifestOf('b', { labels: 'shapes' }),
      'a/manifest.json': manifestOf('a', { golden: { image: './a.png', index: 1, within: 1 } }),
      'a/labels.txt': 'n01440764\ttench\r\nround\r\n',
      'a/a.png': '',
      'labels/shapes.txt': '\uFEFFround\nsquare',
      'golden/manifest.json': '{',
      '.hidden/manifest.json': '{',
      'notes/readme.txt': '',
      'file.txt': '',
    });
    expect(refused).toEqual([]);
    expect([...models.keys()]).toEqual(['a', 'b']);
    expect(models.get('a')).toMatchObject({
      id: 'a',
      root,
      folder: join(root, 'a'),
      goldenImage: join(root, 'a', 'a.png'),
      labels: [{ wnid: 'n01440764', name: 'tench' }, { name: 'round' }],
    });
    expect(models.get('b')?.labels).toEqual([
      { name: 'round', shortName: 'round' },
      { name: 'square', shortName: 'square' },
    ]);
  });

  it('refuses the wrong ones and keeps the others', async () => {
    const labels = 'one\ntwo\n';
    const repository = await open({
      'good/manifest.json': manifestOf('good'),
      'good/labels.txt': labels,
      'renamed/manifest.json': manifestOf('other'),
      'broken/manifest.json': '{"id":',
      'bare/net.onnx': '',
      'binary/manifest.json': Uint8Array.of(0x7b, 0xff, 0x7d),
      'huge/manifest.json': ' '.repeat(256 * 1024 + 1),
      'unlabelled/manifest.json': manifestOf('unlabelled', { labels: 'shapes' }),
      'tabs/manifest.json': manifestOf('tabs'),
      'tabs/labels.txt': 'one\nn123\ttwo\n',
      'gap/manifest.json': manifestOf('gap'),
      'gap/labels.txt': 'one\n\ntwo\n',
      'empty/manifest.json': manifestOf('empty'),
      'empty/labels.txt': '',
      'blind/manifest.json': manifestOf('blind', { golden: { image: 'no.png', index: 0, within: 1 } }),
      'blind/labels.txt': labels,
      'beyond/manifest.json': manifestOf('beyond', { golden: { image: './x.png', index: 2, within: 1 } }),
      'beyond/labels.txt': labels,
    });
    expect([...repository.models.keys()]).toEqual(['good']);
    const { root } = repository;
    const cases: [id: string, code: string, message: string][] = [
      ['renamed', 'invalid_manifest', 'id: is "other", the folder is "renamed"'],
      ['broken', 'invalid_manifest', 'broken/manifest.json: not JSON'],
      ['bare', 'file_missing', 'bare/manifest.json is missing'],
      ['binary', 'invalid_manifest', 'is not UTF-8 text'],
      ['huge', 'invalid_manifest', 'has 262145 bytes, 262144 are allowed'],
      ['unlabelled', 'invalid_labels', `labels: there is no file ${root}/labels/shapes.txt`],
      ['tabs', 'invalid_labels', 'labels.txt:2: the text before the tab is not a WordNet id'],
      ['gap', 'invalid_labels', 'labels.txt:2: no name'],
      ['empty', 'invalid_labels', 'labels.txt: holds no labels'],
      ['blind', 'file_missing', `golden.image: there is no file ${root}/golden/no.png`],
      ['beyond', 'invalid_manifest', 'golden.index: is 2, but'],
    ];
    expect(repository.refused.map(({ id }) => id)).toEqual(cases.map(([id]) => id).sort());
    for (const [id, code, message] of cases) {
      expect(refusal(repository, id)).toEqual({ code, message: expect.stringContaining(message) });
    }
  });

  it('limits label files to 4 MB', async () => {
    const root = await temporaryFolder();
    await writeTree(root, { 'm/manifest.json': manifestOf('m'), 'm/labels.txt': 'x' });
    await truncate(join(root, 'm/labels.txt'), 4 * 1024 * 1024 + 1);
    expect(refusal(await openRepository([root]), 'm').code).toBe('invalid_labels');
  });

  it('falls back to the labels and pictures of the first directory', async () => {
    const [first, second] = [await temporaryFolder(), await temporaryFolder()];
    const manifest = manifestOf('m', { labels: 'shapes', golden: { image: 'g.png', index: 0, within: 1 } });
    await writeTree(first, { 'labels/shapes.txt': 'first', 'golden/g.png': '' });
    await writeTree(second, { 'm/manifest.json': manifest });
    const shared = (await openRepository([first, second])).models.get('m');
    expect(shared).toMatchObject({ labels: [{ name: 'first' }], goldenImage: join(first, 'golden/g.png') });
    await writeTree(second, { 'labels/shapes.txt': 'second' });
    const own = (await openRepository([first, second])).models.get('m');
    expect(own?.labels).toMatchObject([{ name: 'second' }]);
  });

  it('refuses the later of two models of one id', async () => {
    const [first, second] = [await temporaryFolder(), await temporaryFolder()];
    for (const root of [first, second]) {
      await writeTree(root, { 'm/manifest.json': manifestOf('m'), 'm/labels.txt': 'one' });
    }
    const { models, refused } = await openRepository([first, second]);
    expect(models.get('m')?.folder).toBe(join(first, 'm'));
    expect(refused).toMatchObject([{ folder: join(second, 'm'), error: { code: 'invalid_manifest' } }]);
    expect(refused[0]?.error.message).toContain(`the id "m" is taken by ${join(first, 'm')}`);
  });

  it('reads a directory named twice once', async () => {
    const root = await temporaryFolder();
    await writeTree(root, { 'm/manifest.json': manifestOf('m'), 'm/labels.txt': 'one' });
    expect((await openRepository([root, `${root}/`])).refused).toEqual([]);
  });

  it('follows links to model folders', async () => {
    const [root, elsewhere] = [await temporaryFolder(), await temporaryFolder()];
    await writeTree(elsewhere, { 'manifest.json': manifestOf('m'), 'labels.txt': 'one' });
    await symlink(elsewhere, join(root, 'm'));
    await symlink(join(elsewhere, 'nowhere'), join(root, 'dangling'));
    const { models, refused } = await openRepository([root]);
    expect([[...models.keys()], refused]).toEqual([['m'], []]);
  });

  it('refuses what is no regular file, wherever one is expected, without waiting for it', async () => {
    const golden = { image: './golden.png', index: 0, within: 1 };
    const [good, weightless] = [manifestOf('good'), { file: 'fifo.onnx' }];
    const root = await temporaryFolder();
    await writeTree(root, {
      'good/manifest.json': good,
      'good/labels.txt': 'one\n',
      'manifest/labels.txt': 'one\n',
      'labels/manifest.json': '',
      'names/manifest.json': manifestOf('names'),
      'picture/manifest.json': manifestOf('picture', { golden }),
      'picture/labels.txt': 'one\n',
      'weights/manifest.json': manifestOf('weights', { variants: { fp32: weightless } }),
      'weights/labels.txt': 'one\n',
      'device/labels.txt': 'one\n',
      'socket/labels.txt': 'one\n',
      'folder/manifest.json/x': '',
      'ensembles/both.txt': '',
    });
    for (const name of [
      'manifest/manifest.json',
      'names/labels.txt',
      'picture/golden.png',
      'weights/fifo.onnx',
      'good/tuned.json',
      'ensembles/both.json',
    ])
      execFileSync('mkfifo', [join(root, name)]);
    await symlink('/dev/zero', join(root, 'device/manifest.json'));
    const socket = createServer().listen(join(root, 'socket/manifest.json'));
    onTestFinished(() => void socket.close());
    await once(socket, 'listening');

    const repository = await openRepository([root]);
    expect([...repository.models.keys()]).toEqual(['good', 'weights']);
    for (const [id, reason] of [
      ['manifest', 'it is a FIFO, not a regular file'],
      ['names', 'there is no file'],
      ['picture', 'there is no file'],
      ['device', 'it is a link out of the model directory'],
      ['socket', 'it is a socket'],
      ['folder', 'it is a folder'],
      ['both', 'it is a FIFO, not a regular file'],
    ] as const) {
      expect(refusal(repository, id).message, id).toContain(reason);
    }
    const [found, tuned] = [repository.models.get('weights'), repository.models.get('good')];
    if (!found || !tuned) throw new Error('refused');
    expect(await isPulled(found, findVariant(found))).toBe(false);
    await expect(verifyWeights(found, findVariant(found))).rejects.toThrow(/fifo\.onnx is not a regular file$/);
    await expect(readTuned(tuned)).rejects.toThrow(/tuned\.json: it is a FIFO/);
    await expect(writeTuned(tuned, {} as Tuned)).rejects.toThrow(/tuned\.json: it is not a regular file/);
  });

  it('reads no file that links lead to outside the model directories, and quotes none', async () => {
    const secret = 'root:x:0:0';
    const [root, elsewhere] = [await temporaryFolder(), await temporaryFolder()];
    await writeTree(elsewhere, { passwd: `${secret}\n\t\n`, 'x.png': '' });
    const golden = { image: './in/x.png', index: 0, within: 1 };
    await writeTree(root, {
      'names/manifest.json': manifestOf('names'),
      'deep/manifest.json': manifestOf('deep', { labels: './in/passwd' }),
      'picture/manifest.json': manifestOf('picture', { golden }),
      'picture/labels.txt': 'one',
      'manifest/labels.txt': 'one',
      'inside/manifest.json': manifestOf('inside'),
      'broken/manifest.json': `${secret}`,
      'tabs/manifest.json': manifestOf('tabs'),
      'tabs/labels.txt': `${secret}\tone\n`,
      'ensembles/other.txt': '',
    });
    await symlink(join(elsewhere, 'passwd'), join(root, 'names/labels.txt'));
    await symlink(join(elsewhere, 'passwd'), join(root, 'manifest/manifest.json'));
    await symlink(join(elsewhere, 'passwd'), join(root, 'ensembles/linked.json'));
    await symlink(elsewhere, join(root, 'deep/in'));
    await symlink(elsewhere, join(root, 'picture/in'));
    // As volumes of Kubernetes have their files.
    await symlink('..data/labels.txt', join(root, 'inside/labels.txt'));
    await writeTree(root, { 'inside/.1/labels.txt': 'one\n' });
    await symlink('.1', join(root, 'inside/..data'));

    const repository = await openRepository([root]);
    expect([...repository.models.keys()]).toEqual(['inside']);
    for (const id of ['names', 'manifest', 'deep', 'picture', 'linked'])
      expect(refusal(repository, id).message, id).toContain('it is a link out of the model directory');
    for (const { error } of repository.refused) expect(error.message).not.toContain(secret);
  });

  it.each(['missing', 'file'])('throws invalid_config for a directory that is none: %s', async (name) => {
    const root = await temporaryFolder();
    await writeTree(root, { file: '' });
    await expect(openRepository([root, join(root, name)])).rejects.toMatchObject({
      code: 'invalid_config',
      message: `the model directory ${join(root, name)} does not exist`,
    });
  });
});

it('accepts the worked example of docs/models.md', async () => {
  const page = await readFile(new URL('../../../docs/models.md', import.meta.url), 'utf8');
  const example = /```json\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
  const { models, refused } = await open({ 'shapes/manifest.json': example, 'shapes/labels.txt': 'circle\nsquare\n' });
  expect([[...models.keys()], refused]).toEqual([['shapes'], []]);
});

describe('weights', () => {
  const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i);
  const url = 'https://example.org/m.onnx';

  async function model(variants: object) {
    const { models } = await open({ 'm/manifest.json': manifestOf('m', { variants }), 'm/labels.txt': 'one' });
    const found = models.get('m');
    if (!found) throw new Error('refused');
    return found;
  }

  it('finds variants by name, the default without one', async () => {
    const found = await model({ fp32: { file: 'a.onnx' }, int8: { file: 'b.onnx' } });
    expect(findVariant(found)).toEqual({ name: 'fp32', file: 'a.onnx' });
    expect(findVariant(found, 'int8')).toEqual({ name: 'int8', file: 'b.onnx' });
    expect(() => findVariant(found, 'fp16')).toThrowError('m has no variant "fp16"; it has fp32, int8');
  });

  it('tells whether a file is pulled, and verifies it', async () => {
    const found = await model({
      fp32: { file: 'a.onnx', url, sha256: sha256(bytes), bytes: 1000 },
      int8: { file: 'b.onnx' },
    });
    const [stated, free] = [findVariant(found), findVariant(found, 'int8')];
    const file = weightsPath(found, stated);
    const missing = { code: 'model_not_pulled', message: `m: ${file} is not there; fetch it with: menagerie pull m` };
    await expect(verifyWeights(found, stated)).rejects.toMatchObject(missing);
    expect(await isPulled(found, stated)).toBe(false);

    await writeFile(file, bytes.subarray(1));
    expect(await isPulled(found, stated)).toBe(false);
    await expect(verifyWeights(found, stated)).rejects.toMatchObject({ code: 'size_mismatch' });

    await writeFile(file, bytes.toReversed());
    expect(await isPulled(found, stated)).toBe(true);
    await expect(verifyWeights(found, stated)).rejects.toMatchObject({ code: 'checksum_mismatch' });

    await writeFile(file, bytes);
    await symlink(file, weightsPath(found, free));
    for (const variant of [stated, free]) {
      expect(await isPulled(found, variant)).toBe(true);
      expect(await verifyWeights(found, variant)).toBe(sha256(bytes));
    }
    await unlink(file);
    expect(await isPulled(found, free)).toBe(false);
    await mkdir(file);
    expect(await isPulled(found, stated)).toBe(false);
  });

  it('names the variant to pull where it is not the default, and nothing where there is no url', async () => {
    const found = await model({
      fp32: { file: 'a.onnx' },
      int8: { file: 'b.onnx', url, sha256: sha256(bytes), bytes: 1 },
    });
    await expect(verifyWeights(found, findVariant(found, 'int8'))).rejects.toThrow(/menagerie pull m --variant int8$/);
    await expect(verifyWeights(found, findVariant(found))).rejects.toThrow(/a\.onnx is not there$/);
  });

  it('stops reading when aborted', async () => {
    const found = await model({ fp32: { file: 'a.onnx' } });
    await writeFile(weightsPath(found, findVariant(found)), bytes);
    const reason = new Error('enough');
    await expect(verifyWeights(found, findVariant(found), AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});
