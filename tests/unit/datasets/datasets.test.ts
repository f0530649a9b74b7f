import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { openDataset } from '../../../src/datasets/dataset.js';
import { temporaryFolder, writeTree } from '../../support/model-folders.js';

const LABELS = [
  { name: 'tench, Tinca tinca', wnid: 'n01440764' },
  { name: 'crane', wnid: 'n02012849' },
  { name: 'crane', wnid: 'n03126707' },
  { name: 'great white shark, white shark', wnid: 'n01484850' },
];
const DIGITS = Array.from({ length: 10 }, (_, i) => ({ name: String(i) }));

async function namesAndLabels(path: string, labels: readonly { name: string }[] = LABELS) {
  const { form, pictures } = await openDataset(path, labels);
  return { form, pictures: pictures.map(({ name, label }) => [name, label]) };
}

describe('a folder for each class', () => {
  test('called by index, WordNet id, name or synonym; deeper folders belong to it, other files do not', async () => {
    const root = await temporaryFolder();
    await writeTree(root, {
      '1/b.JPG': 'x',
      'n03126707/a.png': 'x',
      'White_Shark/deep/c.webp': 'x',
      'White_Shark/notes.txt': 'x',
      'tench/.hidden.jpg': 'x',
      'tench/d.jpeg': 'x',
    });
    expect(await namesAndLabels(root)).toEqual({
      form: 'folders',
      pictures: [
        ['1/b.JPG', 1],
        [join('White_Shark', 'deep', 'c.webp'), 3],
        ['n03126707/a.png', 2],
        ['tench/d.jpeg', 0],
      ],
    });
  });

  test.each([
    ['crane', /several classes are called "crane"; say the WordNet id or the index/],
    ['4', /no class "4" among the 4/],
    ['dog', /no class "dog"/],
  ])('%s is refused', async (folder, message) => {
    const root = await temporaryFolder();
    await writeTree(root, { [`${folder}/a.png`]: 'x' });
    await expect(openDataset(root, LABELS)).rejects.toMatchObject({
      code: 'invalid_data',
      message: expect.stringMatching(message),
    });
  });

  test('may lie in one of the parts of a data set; what systems leave beside them does not count', async () => {
    const root = await temporaryFolder();
    const files = { 'val/tench/a.jpg': 'x', 'train/tench/b.jpg': 'x', '__MACOSX/val/tench/._a.jpg': 'x' };
    await writeTree(root, {
      ...files,
      'val/__MACOSX/a.jpg': 'x',
      'val/tench/._a.jpg': 'x',
      'val/tench/Thumbs.db': 'x',
    });
    const { path, pictures, leftOut } = await openDataset(root, LABELS);
    expect([path, pictures.map(({ name }) => name)]).toEqual([join(root, 'val'), ['tench/a.jpg']]);
    expect([...leftOut]).toEqual([['file of the system', 2]]);
    // A class may be called like a part.
    const named = await openDataset(root, [{ name: 'val' }, { name: 'train' }]).catch((error) => error);
    expect(named).toMatchObject({ path: root, form: 'folders' });
  });

  test('a digit is the class of that name', async () => {
    const root = await temporaryFolder();
    await writeTree(root, { '7/a.png': 'x' });
    expect((await namesAndLabels(root, DIGITS)).pictures).toEqual([['7/a.png', 7]]);
  });
});

describe('a folder of pictures', () => {
  test('whose names begin with a WordNet id', async () => {
    const root = await temporaryFolder();
    await writeTree(root, { 'n01484850_shark.JPEG': 'x', 'n01440764-1.jpg': 'x', 'readme.txt': 'x' });
    expect(await namesAndLabels(root)).toEqual({
      form: 'file names',
      pictures: [
        ['n01440764-1.jpg', 0],
        ['n01484850_shark.JPEG', 3],
      ],
    });
  });

  test('with another name is refused, with advice', async () => {
    const root = await temporaryFolder();
    await writeTree(root, { 'cat.jpg': 'x' });
    await expect(openDataset(root, LABELS)).rejects.toMatchObject({
      message: expect.stringMatching(/cat\.jpg: its class is unknown/),
    });
  });

  test('that is empty is refused', async () => {
    const root = await temporaryFolder();
    await expect(openDataset(root, LABELS)).rejects.toMatchObject({ code: 'invalid_data' });
    await expect(openDataset(join(root, 'nowhere'), LABELS)).rejects.toMatchObject({ code: 'io_error' });
  });
});

describe('a CSV file', () => {
  test('names files beside it; quotes, header, blank lines and further fields are understood', async () => {
    const root = await temporaryFolder();
    const lines = [
      '\uFEFFfile,label',
      'a.jpg,n01440764',
      '"odd, ""name"".jpg","tench, Tinca tinca",0.5',
      '',
      'b.jpg, 3 ',
      '',
    ];
    await writeTree(root, { 'labels.csv': lines.join('\r\n'), 'a.jpg': 'A' });
    const { form, pictures } = await openDataset(join(root, 'labels.csv'), LABELS);
    expect([form, pictures.map(({ name, label }) => [name, label])]).toEqual([
      'csv',
      [
        ['a.jpg', 0],
        ['odd, "name".jpg', 0],
        ['b.jpg', 3],
      ],
    ]);
    expect(String(await pictures[0]?.read())).toBe(String(Buffer.from('A')));
  });

  test('may be UTF-16, and name files that are not UTF-8', async () => {
    const root = await temporaryFolder();
    const utf16 = Buffer.from('\uFEFFfile,label\r\nété à.jpg,tench\r\n', 'utf16le');
    await writeTree(root, { 'a.csv': utf16, 'b.csv': Buffer.from('caf\xe9.jpg,tench\n', 'latin1') });
    const [wide] = (await openDataset(join(root, 'a.csv'), LABELS)).pictures;
    expect(wide).toMatchObject({ name: 'été à.jpg', label: 0 });
    await writeFile(Buffer.concat([Buffer.from(`${root}/`), Buffer.from('caf\xe9.jpg', 'latin1')]), 'bytes');
    const [narrow] = (await openDataset(join(root, 'b.csv'), LABELS)).pictures;
    expect(narrow?.name).toBe('caf\\xE9.jpg');
    expect(String(await narrow?.read())).toBe('bytes');
  });

  test('with a faulty line is refused, naming it', async () => {
    const root = await temporaryFolder();
    await writeTree(root, { 'a.csv': 'a.jpg,tench\nb.jpg\n', 'b.csv': 'a.jpg,tench\nb.jpg,fish\n' });
    await expect(openDataset(join(root, 'a.csv'), LABELS)).rejects.toMatchObject({
      message: expect.stringMatching(/a\.csv:2: the line is not/),
    });
    await expect(openDataset(join(root, 'b.csv'), LABELS)).rejects.toMatchObject({
      message: expect.stringMatching(/b\.csv:2: there is no class "fish"/),
    });
  });
});

/** An IDX file of bytes. */
function idx(sizes: number[], values: number[]): Buffer {
  const head = Buffer.alloc(4 + 4 * sizes.length);
  head.writeUInt32BE(0x0800 + sizes.length, 0);
  sizes.forEach((size, i) => {
    head.writeUInt32BE(size, 4 + 4 * i);
  });
  return Buffer.concat([head, Buffer.from(values)]);
}

describe("MNIST's files", () => {
  test('are found in a folder, the test set first, gzipped or not, and give grey pictures', async () => {
    const root = await temporaryFolder();
    await writeTree(root, {
      'train-images-idx3-ubyte': idx([1, 1, 1], [9]),
      'train-labels-idx1-ubyte': idx([1], [9]),
      't10k-images-idx3-ubyte.gz': gzipSync(idx([2, 1, 2], [10, 20, 30, 40])),
      't10k-labels-idx1-ubyte.gz': gzipSync(idx([2], [3, 5])),
    });
    const { form, pictures } = await openDataset(root, DIGITS);
    expect([form, pictures.map(({ label }) => label)]).toEqual(['idx', [3, 5]]);
    expect(await pictures[1]?.read()).toEqual({ data: Uint8Array.of(30, 30, 30, 40, 40, 40), width: 2, height: 1 });
  });

  test.each([
    ['labels of another number', idx([2], [1, 2]), /2 labels for 1 pictures/],
    ['a label beyond the classes', idx([1], [10]), /label 0 is 10; the model has 10 classes/],
    ['a header that lies', idx([5], [1]), /has 1 values; its header states 5/],
    ['something else', Buffer.from('hello world'), /not an IDX file/],
  ])('with %s are refused', async (_, labels, message) => {
    const root = await temporaryFolder();
    await writeTree(root, { 't10k-images-idx3-ubyte': idx([1, 1, 1], [9]), 't10k-labels-idx1-ubyte': labels });
    await expect(openDataset(root, DIGITS)).rejects.toMatchObject({
      code: 'invalid_data',
      message: expect.stringMatching(message),
    });
  });
});

describe("CIFAR-10's binary files", () => {
  test('hold planes, which become pixels', async () => {
    const root = await temporaryFolder();
    const record = Buffer.alloc(3073);
    record[0] = 6;
    record.fill(1, 1, 1025).fill(2, 1025, 2049).fill(3, 2049);
    await mkdir(join(root, 'batches'));
    await writeFile(join(root, 'batches/test_batch.bin'), Buffer.concat([record, record]));
    const { form, pictures } = await openDataset(join(root, 'batches'), DIGITS);
    expect([form, pictures.length, pictures[1]?.label]).toEqual(['cifar', 2, 6]);
    const picture = await pictures[0]?.read();
    expect(picture).toMatchObject({ width: 32, height: 32 });
    expect([...(picture as { data: Uint8Array }).data.subarray(0, 6)]).toEqual([1, 2, 3, 1, 2, 3]);
    await writeFile(join(root, 'batches/test_batch.bin'), record.subarray(1));
    await expect(openDataset(join(root, 'batches'), DIGITS)).rejects.toMatchObject({
      message: expect.stringMatching(/not a multiple of CIFAR-10's 3073/),
    });
  });
});

test('what is no regular file is named, and not waited for', async () => {
  const root = await temporaryFolder();
  await writeTree(root, { 'set/1/a.png': 'x', 'idx/t10k-labels-idx1-ubyte': 'x' });
  const files = ['list.csv', 'x-images-idx3-ubyte', 'batch.bin', 'idx/t10k-images-idx3-ubyte', 'set/1/b.png'];
  for (const name of files) execFileSync('mkfifo', [join(root, name)]);
  for (const name of ['list.csv', 'x-images-idx3-ubyte', 'batch.bin', 'idx']) {
    await expect(openDataset(join(root, name), DIGITS), name).rejects.toMatchObject({
      code: 'io_error',
      message: expect.stringContaining('it is a FIFO, not a regular file'),
    });
  }
  const { pictures } = await openDataset(join(root, 'set'), LABELS);
  expect(pictures.map(({ name }) => name)).toEqual(['1/a.png', '1/b.png']);
  await expect(pictures[1]?.read()).rejects.toThrow('it is a FIFO, not a regular file');
});
