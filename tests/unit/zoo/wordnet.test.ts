import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { GROUP_LEVELS } from '../../../src/core/scores/grouping.js';
import { classDetails } from '../../../src/serving/asking/class-details.js';
import { groupingOf } from '../../../src/serving/asking/grouping.js';
import { named } from '../../../src/zoo/labels.js';
import { openRepository } from '../../../src/zoo/open-repository.js';
import { manifestOf, temporaryFolder, writeTree } from '../../support/model-folders.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
/** Where Debian's package wordnet-base puts WordNet 3.0. */
const WORDNET = '/usr/share/wordnet';
const { models } = await openRepository([join(ROOT, 'models')]);
const labels = models.get('resnet50')?.labels ?? [];
const details = classDetails(labels);
const TABBY = 281;

/** Short names of the classes whose lineage has this WordNet id. */
const under = (wnid: string) =>
  details.filter(({ wordnet }) => wordnet?.parents.some((parent) => parent.wnid === wnid)).map(({ index }) => index);
const membersOf = (level: 'basic' | 'broad', group: string) =>
  details.filter(({ wordnet }) => wordnet?.groups[level] === group).map(({ index }) => index);

describe('the tree above the classes of ImageNet', () => {
  const skipped = existsSync(WORDNET) ? '' : ` (skipped: there is no ${WORDNET}, Debian's package wordnet-base)`;
  it.skipIf(skipped)(`is what WordNet has${skipped}`, async () => {
    const script = join(ROOT, 'scripts', 'labels', 'make-wordnet.mjs');
    await promisify(execFile)(process.execPath, [script, '--check', WORDNET]);
  });

  it('says that a tabby is a cat is an animal, nearest first', () => {
    const { wordnet, ...tabby } = details[TABBY] ?? expect.unreachable();
    expect(tabby).toEqual({
      index: TABBY,
      name: 'tabby, tabby cat',
      shortName: 'tabby',
      synonyms: ['tabby cat'],
      wnid: 'n02123045',
    });
    expect(wordnet?.groups).toEqual({ basic: 'cat', broad: 'animal' });
    const wnids = wordnet?.parents.map(({ wnid }) => wnid) ?? [];
    expect(wordnet?.parents[0]).toEqual({
      wnid: 'n02121808',
      name: 'domestic cat, house cat, Felis domesticus, Felis catus',
    });
    const order = ['n02121808', 'n02121620', 'n02120997', 'n02075296', 'n01861778', 'n01471682', 'n00001740'];
    expect(wnids.filter((wnid) => order.includes(wnid))).toEqual(order);
    expect(new Set(wnids).size).toBe(wnids.length);
  });

  it('has every class, and 118 breeds of dogs, which are all that is a dog', () => {
    expect(details.filter(({ wordnet }) => wordnet === undefined)).toEqual([]);
    // Classes 151 to 268, as is well known.
    expect(under('n02084071')).toEqual(Array.from({ length: 118 }, (_, i) => 151 + i));
    expect(membersOf('basic', 'dog')).toEqual(under('n02084071'));
    // Birds are in three places of the list.
    expect(membersOf('basic', 'bird')).toEqual(under('n01503061'));
    expect(membersOf('basic', 'bird')).toHaveLength(59);
    // The first 398 classes.
    expect(membersOf('broad', 'animal')).toEqual(Array.from({ length: 398 }, (_, i) => i));
  });

  it.each(GROUP_LEVELS)('puts each class into one %s group, whose name no other has', (level) => {
    for (const model of ['resnet50', 'inception-v2']) {
      const { labels = [] } = models.get(model) ?? {};
      const { groups, groupOf } = groupingOf({ id: model, labels }, level);
      expect(groupOf).toHaveLength(1000);
      expect(new Set(groupOf).size).toBe(groups.length);
      expect(new Set(groups.map(({ shortName }) => shortName.toLowerCase())).size).toBe(groups.length);
      // A class that is called like a group is in that group.
      labels.forEach(({ shortName }, i) => {
        const namesake = groups.findIndex((group) => group.shortName === shortName);
        if (namesake !== -1) expect(namesake).toBe(groupOf[i]);
      });
    }
  });

  it('keeps the classes of a basic group together in one broad group', () => {
    const broad = new Map<string, string>();
    for (const { wordnet } of details) {
      const { groups } = wordnet ?? expect.unreachable();
      expect(broad.get(groups.basic) ?? groups.broad).toBe(groups.broad);
      broad.set(groups.basic, groups.broad);
    }
    expect(new Set(broad.values()).size).toBe(25);
  });

  it.each([
    ['sports car', 'car', 'vehicle'],
    ['minivan', 'car', 'vehicle'],
    ['tusker', 'tusker', 'animal'],
    ['banana', 'banana', 'food'],
    ['daisy', 'flower', 'plant'],
    ['acoustic guitar', 'guitar', 'musical instrument'],
    ['punching bag', 'punching bag', 'sports equipment'],
    ['pool table', 'pool table', 'sports equipment'],
    ['bubble', 'bubble', 'other thing'],
    ['crane (wading bird)', 'bird', 'animal'],
    ['crane (lifting device)', 'crane (lifting device)', 'device'],
  ])('puts %s with %s and %s', (shortName, basic, broad) => {
    expect(details.find((each) => each.shortName === shortName)?.wordnet?.groups).toEqual({ basic, broad });
  });
});

describe('short names', () => {
  it('are the first names, and differ for each class, whatever the case', () => {
    expect(new Set(labels.map(({ shortName }) => shortName.toLowerCase())).size).toBe(1000);
    const longer = labels.filter(({ name, shortName }) => !name.split(', ').includes(shortName));
    expect(longer.map(({ shortName }) => shortName)).toEqual([
      'crane (wading bird)',
      'Cardigan (corgi)',
      'cardigan (sweater)',
      'crane (lifting device)',
      'maillot (tights)',
      'maillot (swimsuit)',
    ]);
  });

  it.each([
    ['plain names', ['cat', 'dog'], ['cat', 'dog']],
    ['first names that differ', ['cat, puss', 'dog,hound'], ['cat', 'dog']],
    [
      'a first name that two share',
      ['Paris, France', 'Paris, Texas', 'Rome, Italy'],
      ['Paris, France', 'Paris, Texas', 'Rome'],
    ],
    ['names that are the same', ['Crane', 'crane', 'heron'], ['Crane (class 0)', 'crane (class 1)', 'heron']],
    ['only commas', [', ,', 'dog'], [', ,', 'dog']],
  ])('of %s', (_what, names, short) => {
    expect(named(names.map((name) => ({ name }))).map(({ shortName }) => shortName)).toEqual(short);
  });
});

describe('a tree in a model directory', () => {
  const ROOT_LINE = 'n00000001\t\t\tother\tthing\n';
  async function open(tree: string) {
    const root = await temporaryFolder();
    await writeTree(root, {
      'labels/wordnet.tsv': tree,
      'known/manifest.json': manifestOf('known'),
      'known/labels.txt': 'n00000003\tone, 1\nn00000009\ttwo\n',
      'plain/manifest.json': manifestOf('plain'),
      'plain/labels.txt': 'one\ntwo\n',
    });
    return Object.assign(await openRepository([root]), { root });
  }

  it('need not know every class', async () => {
    const { models, refused } = await open(`# a remark\r\n${ROOT_LINE}n00000003\tn00000001\tdigit\t\tone\n`);
    expect(refused).toEqual([]);
    const { labels = [] } = models.get('known') ?? {};
    expect(classDetails(labels)).toEqual([
      {
        index: 0,
        name: 'one, 1',
        shortName: 'one',
        synonyms: ['1'],
        wnid: 'n00000003',
        wordnet: { parents: [{ wnid: 'n00000001', name: 'thing' }], groups: { basic: 'digit', broad: 'other' } },
      },
      { index: 1, name: 'two', shortName: 'two', synonyms: [], wnid: 'n00000009', wordnet: undefined },
    ]);
    expect(() => groupingOf({ id: 'known', labels }, 'broad')).toThrow(
      '"known" has no groups: its class "two" has no place in WordNet\'s tree.',
    );
  });

  it('has the broad group of a class from its basic one, even if another is nearer', async () => {
    const { models } = await open(
      `${ROOT_LINE}n00000004\tn00000001\tpan\t\tpan\nn00000005\tn00000001\t\ttool\ttool\nn00000003\tn00000004,n00000005\t\t\twok\n`,
    );
    const [wok] = classDetails(models.get('known')?.labels ?? []);
    expect(wok?.wordnet?.groups).toEqual({ basic: 'pan', broad: 'other' });
  });

  it.each([
    ['too few fields', `${ROOT_LINE}n00000003\tn00000001\tone\n`, '2: has 3 fields, not 5'],
    ['no id', 'x00000003\t\t\t\tone\n', '1: does not begin with a WordNet id (n and 8 digits)'],
    ['an id twice', `${ROOT_LINE}${ROOT_LINE}`, '2: n00000001 is there already'],
    ['no name', 'n00000003\t\t\t\t\n', '1: no name'],
    ['an unknown parent', `${ROOT_LINE}n00000003\tn00000002\t\t\tone\n`, '2: no line above has the parent n00000002'],
    ['a circle', 'n00000003\tn00000003\t\t\tone\n', '1: no line above has the parent n00000003'],
  ])('is refused if it has %s, with the models that need it', async (_what, tree, fault) => {
    const { root, models, refused } = await open(tree);
    expect([...models.keys()]).toEqual(['plain']);
    expect(refused.map(({ id, error: { code, message } }) => [id, code, message])).toEqual([
      ['known', 'invalid_labels', `${join(root, 'labels/wordnet.tsv')}:${fault}`],
    ]);
  });
});
