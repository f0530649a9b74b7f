import { appendFile, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { StoredFeatures } from '../../../src/cli/features/feature-table.js';
import { FeaturesFile } from '../../../src/cli/features/features-file.js';
import { parseNpyHeader } from '../../../src/core/features/npy.js';
import { temporaryFolder } from '../../support/model-folders.js';
import { never } from '../../support/networks.js';

const asked = { model: 'm' };

async function open(path: string, changes: object = {}) {
  return await FeaturesFile.open({ path, shape: [2, 3], asked, ...changes }, never);
}

/** A file with the rows 0, 1, 2, of values 10, 11, 12. */
async function filled(): Promise<string> {
  const path = join(await temporaryFolder(), 'f.npy');
  const file = await open(path);
  for (const i of [0, 1, 2]) await file.append(`${i}.jpg`, new Float32Array(6).fill(10 + i));
  await file.close();
  return path;
}

/** The first value of each row that the header counts, and the names. */
async function contentOf(path: string): Promise<{ rows: number[]; names: string[] }> {
  const bytes = await readFile(path);
  const { shape, offset } = parseNpyHeader(bytes);
  expect(shape.slice(1)).toEqual([2, 3]);
  const rows = Array.from({ length: shape[0] ?? 0 }, (_, i) => bytes.readFloatLE(offset + 24 * i));
  const names = await readFile(path.replace('.npy', '.txt'), 'utf8');
  return { rows, names: names.split('\n').slice(0, -1) };
}

describe('a file of features', () => {
  it('is continued with what it lacks', async () => {
    const path = await filled();
    const file = await open(path);
    expect(['0.jpg', '2.jpg', '3.jpg'].map((name) => file.has(name))).toEqual([true, true, false]);
    await file.append('3.jpg', new Float32Array(6).fill(13));
    await file.close();
    expect(await contentOf(path)).toEqual({ rows: [10, 11, 12, 13], names: ['0.jpg', '1.jpg', '2.jpg', '3.jpg'] });
  });

  it.each([
    ['half a row', async (path: string) => truncate(path, 128 + 2 * 24 + 5), 2],
    ['a row without a name', async (path: string) => truncate(path.replace('.npy', '.txt'), 12), 2],
    ['half a name', async (path: string) => truncate(path.replace('.npy', '.txt'), 14), 2],
    ['a name without a row', async (path: string) => appendFile(path.replace('.npy', '.txt'), '3.jpg\n'), 3],
  ])('loses no more than the end after a crash: %s', async (_what, damage, left) => {
    const path = await filled();
    await damage(path);
    const file = await open(path);
    expect(file.count).toBe(left);
    await file.append('new.jpg', new Float32Array(6).fill(20));
    await file.close();
    const names = ['0.jpg', '1.jpg', '2.jpg'].slice(0, left);
    expect(await contentOf(path)).toEqual({
      rows: [10, 11, 12].slice(0, left).concat(20),
      names: [...names, 'new.jpg'],
    });
  });

  it('is not continued with other features, nor without one of its files', async () => {
    const path = await filled();
    await expect(open(path, { asked: { model: 'other' } })).rejects.toThrow(/model was "m", now "other"/);
    await truncate(path.replace('.npy', '.txt'), 0);
    await expect(open(path)).rejects.toThrow(/not there/);
    expect((await readFile(path)).length).toBe(128 + 3 * 24);
  });
});

describe('a table of features', () => {
  it('gives rows of length 1, and the names of some', async () => {
    const path = await filled();
    const table = await StoredFeatures.open(path, path.replace('.npy', '.txt'));
    expect([table.count, table.size]).toEqual([3, 6]);
    expect([...(await table.read(1, 2))]).toEqual(Array(12).fill(Math.fround(1 / Math.sqrt(6))));
    expect(await table.names(new Set([0, 2]))).toEqual(
      new Map([
        [0, '0.jpg'],
        [2, '2.jpg'],
      ]),
    );
    await table.close();
  });

  it('is refused if its files do not belong together or are damaged', async () => {
    const path = await filled();
    const names = path.replace('.npy', '.txt');
    await appendFile(names, '3.jpg\n');
    await expect(StoredFeatures.open(path, names)).rejects.toThrow(/3 rows, .* has 4 names/);
    await truncate(path, 150);
    await expect(StoredFeatures.open(path, names)).rejects.toThrow(/cut off/);
    await writeFile(path, 'x');
    await expect(StoredFeatures.open(path, names)).rejects.toMatchObject({ code: 'invalid_data' });
    await expect(StoredFeatures.open(`${path}x`, names)).rejects.toMatchObject({ code: 'io_error' });
  });
});
