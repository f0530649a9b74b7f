import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { scanClasses } from '../../../src/training/pictures/scan.js';
import type { TrainingPicture } from '../../../src/training/pictures/training-set.js';
import { assetsDir } from '../../support/assets.js';
import { sha256, temporaryFolder, writeTree } from '../../support/model-folders.js';
import { png } from '../../support/picture-files.js';
import { until } from '../../support/worker-script.js';

/** Files that begin as PNGs do, each with bytes of its own. */
const picture = (text: string) => Buffer.concat([png({ width: 1, height: 1 }), Buffer.from(text)]);
const OPTIONS = { maxBytes: 1000 };
const scan = async (files: Record<string, string | Uint8Array>, options = {}) => {
  const root = await temporaryFolder();
  await writeTree(root, files);
  return scanClasses(root, { ...OPTIONS, ...options });
};
const shown = (pictures: readonly TrainingPicture[]) => pictures.map((each) => `${each.class} ${each.file}`);

describe('the classes of a folder', () => {
  test('are its folders in natural order, with pictures at any depth', async () => {
    const set = await scan({ '10/a.png': picture('1'), '9/deep/er/b.png': picture('2'), '9/a.jpg': picture('3') });
    expect(set.classes).toEqual(['9', '10']);
    expect(shown(set.pictures)).toEqual(['0 9/a.jpg', '0 9/deep/er/b.png', '1 10/a.png']);
    expect(set.pictures.map((each) => each.sha256)).toEqual(['3', '2', '1'].map((text) => sha256(picture(text))));
    expect(set.validation).toEqual([]);
  });

  test('are found in parts, also inside a single folder around them', async () => {
    const set = await scan({
      'pets/README.md': 'x',
      'pets/Train/cat/1.png': picture('1'),
      'pets/Train/dog/1.png': picture('2'),
      'pets/validation/dog/2.png': picture('3'),
      'pets/validation/owl/2.png': picture('4'),
      'pets/test/dog/2.png': picture('5'),
    });
    expect(set.classes).toEqual(['cat', 'dog']);
    expect(shown(set.validation)).toEqual(['1 pets/validation/dog/2.png']);
    expect(set.skipped).toEqual([
      { file: 'pets/README.md', reason: 'not in the folder of a class' },
      { file: 'pets/test', reason: 'a part of the set that is not used' },
      { file: 'pets/validation/owl', reason: 'no class of this name is trained' },
    ]);
  });

  test('may be called train: alone it is no part', async () => {
    const set = await scan({ 'train/1.png': picture('1'), 'car/1.png': picture('2') });
    expect(set.classes).toEqual(['car', 'train']);
  });

  test('are measured on a folder that is named for it', async () => {
    const other = await temporaryFolder();
    await writeTree(other, { 'b/2.png': picture('9') });
    const files = { 'train/a/1.png': picture('1'), 'train/b/1.png': picture('2'), 'val/a/1.png': picture('3') };
    const set = await scan(files, { validation: other });
    expect(shown(set.validation)).toEqual([`1 ${basename(other)}/b/2.png`]);
    expect(set.skipped).toEqual([{ file: 'val/a', reason: 'a part of the set that is not used' }]);
  });

  test('have names that need not be UTF-8, nor be written in one way', async () => {
    const root = await temporaryFolder();
    const folder = Buffer.concat([Buffer.from(`${root}/`), Buffer.from('caf\xe9', 'latin1')]);
    await mkdir(folder);
    await writeFile(Buffer.concat([folder, Buffer.from('/\xff.png', 'latin1')]), picture('1'));
    await writeTree(root, { 'e\u0301te\u0301/1.png': picture('2') });
    const { classes, pictures } = await scanClasses(root, OPTIONS);
    expect(classes).toEqual(['caf\\xE9', 'été']);
    expect(pictures[0]?.file).toBe('caf\\xE9/\\xFF.png');
    expect(await readFile(pictures[0]?.path as Buffer)).toEqual(picture('1'));
  });
});

describe('what is not used', () => {
  test('is named with the reason', async () => {
    const root = await temporaryFolder();
    await writeTree(root, {
      'a/1.png': picture('1'),
      'b/1.png': picture('2'),
      'b/.hidden.png': picture('3'),
      'b/Thumbs.db': 'x',
      'b/empty.jpg': '',
      'b/text.jpg': 'no picture',
      'b/phone.HEIC': 'x',
      'b/renamed.jpg': Buffer.from('\0\0\0\x18ftypheic\0\0\0\0heic', 'latin1'),
      'b/camera.nef': 'x',
      'b/drawing.bmp': Buffer.from('BM\0\0\0\0\0\0\0\0\0\0', 'latin1'),
      'b/large.png': picture('x'.repeat(1000)),
      'c/notes.txt': 'x',
      'loose.png': picture('4'),
      '__MACOSX/a/1.png': picture('5'),
    });
    execFileSync('mkfifo', [join(root, 'b/fifo.png')]);
    await symlink('gone', join(root, 'b/lost.png'));
    await symlink('../a', join(root, 'b/up'));
    const set = await scanClasses(root, OPTIONS);
    expect(Object.fromEntries(set.skipped.map(({ file, reason }) => [file, reason]))).toEqual({
      __MACOSX: 'file of the system',
      'loose.png': 'not in the folder of a class',
      'b/.hidden.png': 'hidden',
      'b/Thumbs.db': 'file of the system',
      'b/camera.nef': 'a raw file of a camera, which has to be exported as JPEG first',
      'b/drawing.bmp': 'in the format bmp, which is not accepted',
      'b/empty.jpg': 'empty',
      'b/fifo.png': 'it is a FIFO, not a regular file',
      'b/large.png': 'larger than the limit of 1000 bytes',
      'b/lost.png': 'it is not there',
      'b/phone.HEIC': 'HEIC, which has to be converted to JPEG first',
      'b/renamed.jpg': 'HEIC, which has to be converted to JPEG first',
      'b/text.jpg': 'not a picture',
      'b/up': 'link to a folder',
      'c/notes.txt': 'not a picture',
    });
    expect(set.classes).toEqual(['a', 'b']);
    expect(set.emptyClasses).toEqual(['c']);
  });

  test('is every further copy of a picture; the one that is measured on stays', async () => {
    const set = await scan({
      'train/a/1.png': picture('1'),
      'train/a/2.png': picture('1'),
      'train/a/3.png': picture('3'),
      'train/a/4.png': picture('4'),
      'train/b/1.png': picture('5'),
      'val/a/9.png': picture('3'),
    });
    expect(shown(set.pictures)).toEqual(['0 train/a/1.png', '0 train/a/4.png', '1 train/b/1.png']);
    expect(shown(set.validation)).toEqual(['0 val/a/9.png']);
    expect(set.duplicates).toEqual([
      { file: 'train/a/3.png', of: 'val/a/9.png' },
      { file: 'train/a/2.png', of: 'train/a/1.png' },
    ]);
  });

  test('is a picture in two classes, wherever it lies', async () => {
    const set = await scan({
      'train/a/1.png': picture('1'),
      'train/b/1.png': picture('1'),
      'train/c/1.png': picture('2'),
      'train/b/2.png': picture('3'),
      'train/d/2.png': picture('4'),
      'val/b/1.png': picture('2'),
      'val/a/1.png': picture('5'),
    });
    expect(set.conflicts).toEqual([
      [
        { file: 'val/b/1.png', split: 'val', label: 'b' },
        { file: 'train/c/1.png', split: 'train', label: 'c' },
      ],
      [
        { file: 'train/a/1.png', split: 'train', label: 'a' },
        { file: 'train/b/1.png', split: 'train', label: 'b' },
      ],
    ]);
    expect(set.classes).toEqual(['b', 'd']);
    expect(set.emptyClasses).toEqual(['a', 'c']);
    expect(shown(set.pictures)).toEqual(['0 train/b/2.png', '1 train/d/2.png']);
    expect(set.skipped).toEqual([{ file: 'val/a/1.png', reason: 'its class has no picture to train on' }]);
  });
});

describe('a folder is refused', () => {
  test.each([
    ['without classes', {}, 'has no class with pictures to train on'],
    ['with pictures and no classes', { '1.png': picture('1') }, 'Not used: 1 (not in the folder of a class).'],
    ['with one class', { 'a/1.png': picture('1') }, 'has only the class "a" with pictures'],
    [
      'with one class of several that has pictures',
      { 'a/1.png': picture('1'), 'b/x.txt': 'x' },
      'Not used: 1 (not a picture).',
    ],
    [
      'with nothing but contradictions',
      { 'a/1.png': picture('1'), 'b/1.png': picture('1') },
      'Not used: 2 (the same picture in several classes).',
    ],
    [
      'with names that people take for one',
      { 'Cat/1.png': picture('1'), 'cat /1.png': picture('2') },
      'The classes "cat" and "Cat"',
    ],
  ])('%s', async (_case, files, message) => {
    await expect(scan(files)).rejects.toMatchObject({
      code: 'invalid_data',
      message: expect.stringContaining(message),
    });
  });

  test('with too many classes', async () => {
    const files = Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`c${i}/1.png`, picture(`${i}`)]));
    await expect(scan(files)).rejects.toMatchObject({
      code: 'invalid_data',
      message: expect.stringContaining('1001 classes; 1000'),
    });
  });

  test('that is not there, or is a file', async () => {
    const root = await temporaryFolder();
    await writeTree(root, { file: 'x' });
    await expect(scanClasses(join(root, 'gone'), OPTIONS)).rejects.toMatchObject({ code: 'io_error' });
    await expect(scanClasses(join(root, 'file'), OPTIONS)).rejects.toMatchObject({ code: 'io_error' });
  });
});

test('looks at no file before its turn', async () => {
  const root = await temporaryFolder();
  await writeTree(root, { 'a/1.png': picture('1'), 'a/2.png': picture('2'), 'b/1.png': picture('3') });
  const turns: (() => void)[] = [];
  let pictures = 0;
  const scanning = scanClasses(root, {
    ...OPTIONS,
    turn: () => new Promise((resolve) => turns.push(resolve)),
    onProgress: (progress) => {
      pictures = progress.pictures;
    },
  });
  for (const expected of [0, 1, 2]) {
    await until(() => turns.length > 0, 'a file to wait');
    expect(pictures).toBe(expected);
    turns.shift()?.();
    await until(() => pictures === expected + 1, 'the file to be read');
  }
  expect((await scanning).pictures).toHaveLength(3);
});

test('tells how far it is, stops when it is aborted, and goes on where files vanish', async () => {
  const root = await temporaryFolder();
  await writeTree(root, { 'a/1.png': picture('1'), 'a/2.png': picture('2'), 'b/1.png': picture('3') });
  const seen: number[] = [];
  const stop = new AbortController();
  const reason = new Error('stopped');
  const stopped = scanClasses(root, {
    ...OPTIONS,
    signal: stop.signal,
    onProgress: ({ pictures }) => {
      seen.push(pictures);
      if (pictures === 2) stop.abort(reason);
    },
  });
  await expect(stopped).rejects.toBe(reason);
  expect(seen).toEqual([1, 2]);
  const set = await scanClasses(root, {
    ...OPTIONS,
    onProgress: () => rmSync(join(root, 'b'), { recursive: true, force: true }),
  }).catch((error: unknown) => error);
  expect(set).toMatchObject({ code: 'invalid_data', message: expect.stringContaining('it is not there') });
});

const ants = assetsDir() && join(assetsDir() as string, 'datasets/ants-bees');
test.skipIf(!ants)('reads a real set as the tools of the system do (needs the assets)', async () => {
  const set = await scanClasses(ants as string, { maxBytes: 20 * 1024 * 1024 });
  expect(set.classes).toEqual(['ants', 'bees']);
  const count = (pictures: readonly TrainingPicture[], index: number) =>
    pictures.filter((each) => each.class === index).length;
  const listed = execFileSync('find', ['-L', join(ants as string, 'train'), '-type', 'f'], { encoding: 'utf8' })
    .trim()
    .split('\n');
  const left = set.duplicates.length + set.conflicts.flat().length + set.skipped.length;
  expect(set.validation.length).toBe(153);
  expect(set.pictures.length + left).toBe(listed.length);
  expect(count(set.pictures, 0) + count(set.pictures, 1)).toBe(set.pictures.length);
  const [first] = set.pictures;
  expect(first?.sha256).toBe(
    createHash('sha256')
      .update(await readFile(first?.path as Buffer))
      .digest('hex'),
  );
});
