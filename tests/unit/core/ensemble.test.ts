import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MenagerieError } from '../../../src/core/errors.js';
import { parseEnsemble } from '../../../src/core/scores/ensemble.js';
import { labelDifference } from '../../../src/zoo/ensembles.js';
import { openRepository } from '../../../src/zoo/open-repository.js';
import { withoutPaths } from '../../../src/zoo/repository.js';
import { manifestOf, temporaryFolder, writeTree } from '../../support/model-folders.js';

/** The least that an ensemble can say, with `changes` laid over it. */
function ensembleOf(id: string, changes: object = {}): object {
  return { id, title: id, members: [{ model: 'a' }, { model: 'b' }], ...changes };
}

describe('parseEnsemble', () => {
  function fault(value: object | string): string {
    try {
      parseEnsemble(typeof value === 'string' ? value : JSON.stringify(value), 'ensembles/e.json');
    } catch (error) {
      expect(error).toBeInstanceOf(MenagerieError);
      expect((error as MenagerieError).code).toBe('invalid_manifest');
      return (error as MenagerieError).message;
    }
    throw new Error('was accepted');
  }

  it('fills in the defaults', () => {
    expect(parseEnsemble(JSON.stringify(ensembleOf('e', { $schema: '../x.json' })), 'e.json')).toEqual({
      id: 'e',
      title: 'e',
      members: [
        { model: 'a', weight: 1 },
        { model: 'b', weight: 1 },
      ],
      combine: 'probabilities',
      min_members: 2,
    });
  });

  it('keeps what is said', () => {
    const said = {
      members: [
        { model: 'a', weight: 0.5 },
        { model: 'b', weight: 2 },
      ],
      combine: 'vote',
      min_members: 1,
      crops: 10,
      top1: 80.5,
      notes: 'Measured.',
    };
    expect(parseEnsemble(JSON.stringify(ensembleOf('e', said)), 'e.json')).toEqual(ensembleOf('e', said));
  });

  it('names the file where the text is not JSON', () => {
    expect(fault('[')).toMatch(/^ensembles\/e\.json: not JSON: it ends too early$/);
  });

  it.each([
    [{ id: 'E 1' }, 'id: must be at most 64 lower-case letters'],
    [{ members: [{ model: 'a' }] }, 'members: must not have fewer than 2 items'],
    [{ members: Array.from({ length: 16 }, (_, i) => ({ model: `m${i}` })) }, 'members: must not have more than 15'],
    [{ members: [{ model: 'a', weight: 0 }, { model: 'b' }] }, 'members.0.weight: must be > 0'],
    [{ members: [{ model: 'a' }, { model: 'b', share: 1 }] }, 'members.1: unknown field "share"'],
    [{ members: [{ model: '../a' }, { model: 'b' }] }, 'members.0.model: must be at most 64 lower-case letters'],
    [{ members: [{ model: 'a' }, { model: 'b' }, { model: 'a' }] }, 'members.2.model: "a" is members.0 already'],
    [{ combine: 'mean' }, 'combine: must be one of "probabilities", "logits", "geometric", "vote"'],
    [{ min_members: 0 }, 'min_members: must be >= 1'],
    [{ min_members: 3 }, 'min_members: is 3, but there are 2 members'],
    [{ crops: 2 }, 'crops: must be one of 1, 5, 10, 144'],
    [{ top1: 101 }, 'top1: must be <= 100'],
    [{ weights: [1, 1] }, '(top level): unknown field "weights"'],
  ])('names field and rule: %j', (changes, message) => {
    expect(fault(ensembleOf('e', changes))).toContain(`ensembles/e.json: ${message}`);
  });

  it('reports every fault at once', () => {
    const schema = fault(ensembleOf('E', { crops: 3, title: '' }));
    for (const field of ['id: ', 'crops: ', 'title: ']) expect(schema).toContain(field);
    const members = ['a', 'a', 'a'].map((model) => ({ model }));
    expect(fault(ensembleOf('e', { members, min_members: 4 })).split('; ')).toHaveLength(3);
  });
});

describe('openRepository', () => {
  const MODELS = {
    'a/manifest.json': manifestOf('a', { labels: 'shapes' }),
    'b/manifest.json': manifestOf('b'),
    'b/labels.txt': 'round\r\nsquare\r\n',
    'labels/shapes.txt': 'round\nsquare\n',
  };

  async function open(files: Parameters<typeof writeTree>[1]) {
    const root = await temporaryFolder();
    await writeTree(root, { ...MODELS, ...files });
    return Object.assign(await openRepository([root]), { root });
  }

  it('finds ensembles, and leaves alone what is none', async () => {
    const { models, ensembles, refused, root } = await open({
      'ensembles/e.json': ensembleOf('e', { combine: 'logits' }),
      'ensembles/d.json': ensembleOf('d'),
      'ensembles/notes.txt': '',
      'ensembles/.e.json': '{',
    });
    expect(refused).toEqual([]);
    expect([...models.keys()]).toEqual(['a', 'b']);
    expect([...ensembles.keys()]).toEqual(['d', 'e']);
    expect(ensembles.get('e')).toMatchObject({
      id: 'e',
      root,
      file: join(root, 'ensembles', 'e.json'),
      ensemble: { combine: 'logits' },
      labels: [{ name: 'round' }, { name: 'square' }],
    });
  });

  it('has none where there is no folder of that name', async () => {
    expect((await open({})).ensembles.size).toBe(0);
    expect((await open({ ensembles: 'a file' })).ensembles.size).toBe(0);
  });

  it('refuses the wrong ones and keeps the others', async () => {
    const members = (...ids: string[]) => ({ members: ids.map((model) => ({ model })) });
    const repository = await open({
      'broken/manifest.json': '{',
      'bare/manifest.json': manifestOf('bare', { untrained: true }),
      'bare/labels.txt': 'round\nsquare\n',
      'other/manifest.json': manifestOf('other'),
      'other/labels.txt': 'round\nn01440764\ttench\n',
      'more/manifest.json': manifestOf('more'),
      'more/labels.txt': 'round\nsquare\nlong\n',
      'ensembles/good.json': ensembleOf('good'),
      'ensembles/a.json': ensembleOf('a'),
      'ensembles/broken.json': ensembleOf('broken'),
      'ensembles/renamed.json': ensembleOf('e'),
      'ensembles/huge.json': ' '.repeat(64 * 1024 + 1),
      'ensembles/syntax.json': '{"id":',
      'ensembles/unknown.json': ensembleOf('unknown', members('a', 'x', 'good', 'broken')),
      'ensembles/untrained.json': ensembleOf('untrained', members('bare', 'a')),
      'ensembles/labels.json': ensembleOf('labels', members('a', 'other', 'more', 'b')),
    });
    const { root } = repository;
    expect([...repository.ensembles.keys()]).toEqual(['good']);
    const refused = repository.refused.filter(({ kind }) => kind === 'ensemble');
    expect(refused.every(({ folder }) => folder === join(root, 'ensembles'))).toBe(true);
    const found = refused.map(({ id, error }) => [id, error.code, withoutPaths(repository, error.message)]);
    const file = (id: string) => `ensembles/${id}.json`;
    expect(found).toEqual([
      ['a', 'invalid_manifest', `${file('a')}: the id "a" is taken by a`],
      ['broken', 'invalid_manifest', `${file('broken')}: the id "broken" is taken by broken`],
      ['huge', 'invalid_manifest', `${file('huge')}: has 65537 bytes, 65536 are allowed`],
      [
        'labels',
        'invalid_manifest',
        `${file('labels')}: members.1.model: "other" and "a" have other labels: class 1 is "tench" (n01440764) and "square"; ` +
          'members.2.model: "more" and "a" have other labels: 3 and 2 classes',
      ],
      ['renamed', 'invalid_manifest', `${file('renamed')}: id: is "e", the file is "renamed.json"`],
      ['syntax', 'invalid_manifest', expect.stringMatching(/^ensembles\/syntax\.json: not JSON/)],
      [
        'unknown',
        'invalid_manifest',
        `${file('unknown')}: members.1.model: there is no model "x"; members.2.model: there is no model "good"; ` +
          'members.3.model: the folder of model "broken" was refused',
      ],
      [
        'untrained',
        'invalid_manifest',
        `${file('untrained')}: members.0.model: "bare" is untrained: its answers mean nothing`,
      ],
    ]);
  });

  it('takes members of any directory, and the first of two ensembles of one id', async () => {
    const [first, second] = [await temporaryFolder(), await temporaryFolder()];
    await writeTree(first, { ...MODELS, 'ensembles/e.json': ensembleOf('e', { title: 'First' }) });
    await writeTree(second, {
      'c/manifest.json': manifestOf('c', { labels: 'shapes' }),
      'ensembles/e.json': ensembleOf('e'),
      'ensembles/f.json': ensembleOf('f', { members: [{ model: 'a' }, { model: 'c' }] }),
    });
    const repository = await openRepository([first, second]);
    expect([...repository.ensembles.keys()]).toEqual(['e', 'f']);
    expect(repository.ensembles.get('e')?.ensemble.title).toBe('First');
    expect(repository.ensembles.get('f')?.root).toBe(second);
    expect(repository.refused).toMatchObject([{ kind: 'ensemble', id: 'e', folder: join(second, 'ensembles') }]);
    expect(repository.refused[0]?.error.message).toContain(`is taken by ${join(first, 'ensembles', 'e.json')}`);
  });

  it('keeps the paths of a directory that holds nothing but ensembles to itself', async () => {
    const [first, second] = [await temporaryFolder(), await temporaryFolder()];
    await writeTree(first, MODELS);
    await writeTree(second, { 'ensembles/e.json': ensembleOf('e') });
    await symlink(join(second, 'nowhere'), join(second, 'ensembles', 'gone.json'));
    const repository = await openRepository([first, second]);
    const file = repository.ensembles.get('e')?.file as string;
    expect(withoutPaths(repository, `see ${file}`)).toBe('see ensembles/e.json');
    expect(repository.refused).toMatchObject([{ id: 'gone', error: { code: 'file_missing' } }]);
  });
});

describe('labelDifference', () => {
  it('compares names and WordNet ids in order', () => {
    const crane = { name: 'crane', wnid: 'n02012849' };
    const machine = { name: 'crane', wnid: 'n03126707' };
    expect(labelDifference([crane, machine], [{ ...crane }, { ...machine }])).toBeUndefined();
    expect(labelDifference([crane], [machine])).toBe('class 0 is "crane" (n02012849) and "crane" (n03126707)');
    expect(labelDifference([{ name: 'crane' }], [crane])).toBe('class 0 is "crane" and "crane" (n02012849)');
  });
});
