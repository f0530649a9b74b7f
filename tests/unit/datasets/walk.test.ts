import { execFileSync } from 'node:child_process';
import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isPicture } from '../../../src/datasets/image-files.js';
import { walk } from '../../../src/datasets/walk.js';
import { reasonOf } from '../../../src/system/errors.js';
import { pathText } from '../../../src/system/paths.js';
import { temporaryFolder, writeTree } from '../../support/model-folders.js';

/** What is found, by path below the folder, and why it is no picture to look at. */
async function found(root: string, ignored?: ReadonlySet<string>) {
  const list: string[] = [];
  for await (const { below, leftOut, fault } of walk(Buffer.from(root), ignored)) {
    const why = leftOut ?? (fault === undefined ? undefined : reasonOf(fault));
    list.push(why === undefined ? pathText(below) : `${pathText(below)}: ${why}`);
  }
  return list;
}

describe('a search', () => {
  test('has an order by bytes, with the content of a folder in its place', async () => {
    const root = await temporaryFolder();
    await writeTree(root, { 'b/z.jpg': '', 'b/a/y.jpg': '', 'B.jpg': '', 'b.jpg': '', 'é.jpg': '', '10': '', '9': '' });
    expect(await found(root)).toEqual(['10', '9', 'B.jpg', 'b/a/y.jpg', 'b/z.jpg', 'b.jpg', 'é.jpg']);
  });

  test('finds names that are not UTF-8', async () => {
    const root = await temporaryFolder();
    const folder = Buffer.concat([Buffer.from(`${root}/`), Buffer.from('caf\xe9', 'latin1')]);
    await mkdir(folder);
    await writeFile(Buffer.concat([folder, Buffer.from('/\xff.jpg', 'latin1')]), 'x');
    expect(await found(root)).toEqual(['caf\\xE9/\\xFF.jpg']);
  });

  test('says what it leaves out, and goes on', async () => {
    const root = await temporaryFolder();
    await writeTree(root, {
      '.git/a.jpg': '',
      '__MACOSX/a.jpg': '',
      '._a.jpg': '',
      'Thumbs.db': '',
      'a.jpg': '',
      'a.jpg.xmp': '',
      'results.csv': '',
      'deep/b.jpg': '',
    });
    execFileSync('mkfifo', [join(root, 'fifo.jpg')]);
    await symlink('..', join(root, 'deep/up'));
    await symlink('self', join(root, 'self'));
    await symlink('gone', join(root, 'lost.jpg'));
    await symlink('a.jpg', join(root, 'link.jpg'));
    expect(await found(root, new Set(['results.csv']))).toEqual([
      '._a.jpg: file of the system',
      '.git: hidden',
      'Thumbs.db: file of the system',
      '__MACOSX: file of the system',
      'a.jpg',
      'deep/b.jpg',
      'deep/up: link to a folder',
      'fifo.jpg: it is a FIFO, not a regular file',
      'link.jpg',
      'lost.jpg: it is not there',
      'self: its links lead in a circle',
    ]);
  });

  test('names a folder that cannot be read, and does the rest', async () => {
    const root = await temporaryFolder();
    // Too deep to be named, even for root, who may read everything else.
    const part = 'D'.repeat(250);
    // Node cannot remove what it cannot name.
    onTestFinished(() => void execFileSync('rm', ['-rf', join(root, part)]));
    for (let depth = 0; depth < 17; depth++) {
      await mkdir(join(root, `next/${part}`), { recursive: true });
      if (depth > 0) await rename(join(root, part), join(root, `next/${part}/${part}`));
      await rename(join(root, `next/${part}`), join(root, part));
    }
    await writeTree(root, { 'a.jpg': '' });
    const list = await found(root);
    expect(list.at(-2)).toMatch(/^D.*: its path is longer than the system allows$/);
    expect(list.at(-1)).toBe('a.jpg');
  });

  test('of a path that is no folder finds it', async () => {
    const root = await temporaryFolder();
    await writeTree(root, { '.hidden.jpg': '' });
    expect(await found(join(root, '.hidden.jpg'))).toEqual([`${root}/.hidden.jpg`]);
    expect(await found(join(root, 'none'))).toEqual([`${root}/none: it is not there`]);
  });
});

test('a picture is known by its ending or by its content', async () => {
  const root = await temporaryFolder();
  const png = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  const bmp = Buffer.concat([Buffer.from('BM1234'), Buffer.alloc(20)]);
  const files = {
    'a.JFIF': 'x',
    'b.heic': 'x',
    'c.nef': 'x',
    none: png,
    'e.txt': png,
    'f.dat': bmp,
    'notes.txt': 'BMW and others',
    'g.pdf': '%PDF-1.7',
    empty: '',
  };
  await writeTree(root, files);
  const pictures = [];
  for (const name of Object.keys(files)) if (await isPicture(Buffer.from(join(root, name)))) pictures.push(name);
  expect(pictures).toEqual(['a.JFIF', 'b.heic', 'c.nef', 'none', 'e.txt', 'f.dat']);
});
