import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rename, rmdir, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ownPartial } from '../../../src/system/partial-name.js';
import { FeatureCache } from '../../../src/training/cache/feature-cache.js';
import { bytesNeeded } from '../../../src/training/cache/segment.js';
import { sha256, temporaryFolder } from '../../support/model-folders.js';

const KEY = { weights: 'w', preparation: 'p', view: 'v', tensor: 't' };
const hashOf = (i: number) => sha256(Buffer.from(`${i}`));
const valuesOf = (i: number, size = 4) => Float32Array.from({ length: size }, (_, at) => i + at);
const open = (folder: string, bytes = 1e9) => FeatureCache.open(folder, { bytes });
const filesIn = async (folder: string) => (await readdir(folder)).map((name) => join(folder, name));
const onlyFile = async (folder: string) => {
  const [file = '', another] = await filesIn(folder);
  expect(another).toBeUndefined();
  return file;
};
const bytesIn = async (folder: string) =>
  (await Promise.all((await filesIn(folder)).map(async (file) => (await stat(file)).size))).reduce((a, b) => a + b, 0);
async function write(folder: string, count: number, key = KEY, size = 4) {
  const cache = await open(folder);
  for (let i = 0; i < count; i++) await cache.put(key, hashOf(i), valuesOf(i, size));
  await cache.flush();
}

describe('features', () => {
  test('are there before they are written, after it, and for the next process', async () => {
    const folder = join(await temporaryFolder(), 'deep/features');
    const cache = await open(folder);
    await cache.put(KEY, hashOf(1), valuesOf(1));
    expect(await cache.get(KEY, hashOf(1))).toEqual(valuesOf(1));
    expect(await filesIn(folder)).toEqual([]);
    await cache.flush();
    expect(await cache.get(KEY, hashOf(1))).toEqual(valuesOf(1));
    expect(await cache.get(KEY, hashOf(2))).toBeUndefined();
    await cache.put(KEY, hashOf(2), valuesOf(2));
    await cache.flush();
    const next = await open(folder);
    expect(await next.get(KEY, hashOf(1))).toEqual(valuesOf(1));
    expect(await next.get(KEY, hashOf(2))).toEqual(valuesOf(2));
  });

  test.each(['weights', 'preparation', 'view', 'tensor'])('of another %s are others', async (part) => {
    const folder = await temporaryFolder();
    await write(folder, 1);
    expect(await (await open(folder)).get({ ...KEY, [part]: 'x' }, hashOf(0))).toBeUndefined();
  });

  test('are found in any order, one by one and many at once', async () => {
    const folder = await temporaryFolder();
    // More than is read ahead.
    const count = 300;
    await write(folder, count, KEY, 1000);
    const expected = Array.from({ length: count }, (_, i) => Buffer.from(valuesOf(i, 1000).buffer));
    const right = (i: number, values: Float32Array | undefined) =>
      values !== undefined && expected[i]?.equals(Buffer.from(values.buffer)) === true;
    const inOrder = Array.from({ length: count }, (_, i) => i);
    const every7th = inOrder.map((i) => (i * 7) % count);
    for (const order of [inOrder, inOrder.toReversed(), every7th, [...inOrder, 0, 1, 2, 299, 298]]) {
      const cache = await open(folder);
      for (const i of order) expect(right(i, await cache.get(KEY, hashOf(i)))).toBe(true);
      const together = await Promise.all(order.map(async (i) => right(i, await cache.get(KEY, hashOf(i)))));
      expect(together).not.toContain(false);
    }
  });

  test('that cannot be read this time are read the next time', async () => {
    const folder = await temporaryFolder();
    await write(folder, 10);
    const file = await onlyFile(folder);
    const cache = await open(folder);
    expect(await cache.get(KEY, hashOf(0))).toEqual(valuesOf(0));
    await rename(file, join(await temporaryFolder(), 'aside'));
    await mkdir(file);
    expect(await cache.get(KEY, hashOf(1))).toBeUndefined();
    await rmdir(file);
    await write(folder, 10);
    await rename(await onlyFile(folder), file);
    for (let i = 0; i < 10; i++) expect(await cache.get(KEY, hashOf(i))).toEqual(valuesOf(i));
  });

  test('are written when many wait, and take the bytes that were foretold', async () => {
    const folder = await temporaryFolder();
    const cache = await open(folder);
    for (let i = 0; i < 9; i++) await cache.put(KEY, hashOf(i), valuesOf(i, 1 << 18));
    expect(await bytesIn(folder)).toBe(bytesNeeded(8, 1 << 18));
    await cache.flush();
    expect(await cache.get(KEY, hashOf(8))).toEqual(valuesOf(8, 1 << 18));
  });

  test('of many callers at once are all kept', async () => {
    const folder = await temporaryFolder();
    const cache = await open(folder);
    const put = async (i: number) => {
      await cache.put({ ...KEY, view: `${i % 3}` }, hashOf(i), valuesOf(i));
      if (i % 7 === 0) await cache.flush();
    };
    await Promise.all(Array.from({ length: 100 }, (_, i) => put(i)));
    await cache.flush();
    const next = await open(folder);
    for (let i = 0; i < 100; i++) expect(await next.get({ ...KEY, view: `${i % 3}` }, hashOf(i))).toEqual(valuesOf(i));
  });
});

describe('damage', () => {
  test('of any byte gives no wrong features, and is gone with the next writing', async () => {
    const folder = await temporaryFolder();
    await write(folder, 3);
    const file = await onlyFile(folder);
    const whole = await readFile(file);
    for (let at = 0; at < whole.length; at++) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8));
      await writeFile(file, damaged);
      const cache = await open(folder);
      const found = await Promise.all([0, 1, 2].map((i) => cache.get(KEY, hashOf(i))));
      for (const [i, values] of found.entries()) if (values) expect(values).toEqual(valuesOf(i));
      expect(found).toContain(undefined);
      expect(await filesIn(folder)).toEqual([]);
    }
    await write(folder, 3);
    expect(await (await open(folder)).get(KEY, hashOf(2))).toEqual(valuesOf(2));
  });

  test('is a file that ends early or is too long', async () => {
    const folder = await temporaryFolder();
    await write(folder, 2);
    const file = await onlyFile(folder);
    const whole = await readFile(file);
    for (let length = 0; length < whole.length; length += 3) {
      await writeFile(file, whole);
      await truncate(file, length);
      expect(await (await open(folder)).get(KEY, hashOf(0))).toBeUndefined();
      expect(await filesIn(folder)).toEqual([]);
    }
    await writeFile(file, Buffer.concat([whole, Buffer.from('x')]));
    expect(await (await open(folder)).get(KEY, hashOf(0))).toBeUndefined();
  });

  test('while the cache is open is found too, and what is left of it can be written again', async () => {
    const folder = await temporaryFolder();
    await write(folder, 2);
    const cache = await open(folder);
    expect(await cache.get(KEY, hashOf(0))).toEqual(valuesOf(0));
    const file = await onlyFile(folder);
    const damaged = await readFile(file);
    damaged.writeUInt8(damaged.readUInt8(damaged.length - 8) ^ 1, damaged.length - 8);
    await writeFile(file, damaged);
    expect(await cache.get(KEY, hashOf(1))).toBeUndefined();
    expect(await cache.get(KEY, hashOf(0))).toBeUndefined();
    await cache.put(KEY, hashOf(0), valuesOf(0));
    await cache.flush();
    expect(await cache.get(KEY, hashOf(0))).toEqual(valuesOf(0));
  });
});

describe('the limit on bytes', () => {
  test('holds: the keys that were not used for longest go', async () => {
    const folder = await temporaryFolder();
    const key = (view: string) => ({ ...KEY, view });
    const each = bytesNeeded(10, 100);
    const cache = await open(folder, 3 * each);
    const fill = async (view: string) => {
      for (let i = 0; i < 10; i++) await cache.put(key(view), hashOf(i), valuesOf(i, 100));
      await cache.flush();
    };
    for (const [age, view] of ['a', 'b', 'c'].entries()) {
      const before = new Set(await filesIn(folder));
      await fill(view);
      const time = new Date(Date.now() - (10 - age) * 60_000);
      for (const file of await filesIn(folder)) if (!before.has(file)) await utimes(file, time, time);
    }
    // Reading is a use.
    const reader = await open(folder, 3 * each);
    expect(await reader.get(key('a'), hashOf(0))).toEqual(valuesOf(0, 100));
    await fill('d');
    expect(await bytesIn(folder)).toBe(3 * each);
    const found = await Promise.all(['a', 'b', 'c', 'd'].map((view) => cache.get(key(view), hashOf(9))));
    expect(found.map((values) => values !== undefined)).toEqual([true, false, true, true]);
  });

  test('refuses what is larger by itself, before and while it is written', async () => {
    const folder = await temporaryFolder();
    const cache = await open(folder, 1000);
    await cache.assertRoom([{ pictures: 1, size: 100 }]);
    const tooLarge = { code: 'too_little_disk', message: expect.stringContaining('MENAGERIE_FEATURE_CACHE') };
    await expect(cache.assertRoom([{ pictures: 3, size: 100 }])).rejects.toMatchObject(tooLarge);
    await expect(cache.assertRoom(Array(3).fill({ pictures: 1, size: 100 }))).rejects.toMatchObject(tooLarge);
    for (let i = 0; i < 3; i++) await cache.put(KEY, hashOf(i), valuesOf(i, 100));
    await expect(cache.flush()).rejects.toMatchObject(tooLarge);
    expect(await filesIn(folder)).toEqual([]);
    await cache.put(KEY, hashOf(0), valuesOf(0, 100));
    await cache.flush();
    expect(await cache.get(KEY, hashOf(0))).toEqual(valuesOf(0, 100));
  });

  test('is also what the disk has free', async () => {
    const cache = await open(await temporaryFolder(), Number.MAX_SAFE_INTEGER);
    const petabytes = { pictures: 1e9, size: 1e6 };
    await expect(cache.assertRoom([petabytes])).rejects.toMatchObject({ code: 'too_little_disk' });
  });
});

describe('processes', () => {
  const WRITER = fileURLToPath(new URL('../../support/feature-writer.mjs', import.meta.url));
  const startWriter = (folder: string, first: number, count: number) => {
    const child = spawn(process.execPath, [WRITER, folder, `${first}`, `${count}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    return child;
  };

  test('that are killed while they write leave whole features and nothing else', async () => {
    const folder = await temporaryFolder();
    for (let round = 0; round < 6; round++) {
      const child = startWriter(folder, 0, 1e6);
      const ended = once(child, 'close');
      await once(child.stdout, 'data');
      await sleep(round * 7);
      child.kill('SIGKILL');
      await ended;
      const cache = await open(folder);
      expect((await readdir(folder)).filter((name) => name.endsWith('.partial'))).toEqual([]);
      let found = 0;
      for (let i = 0; ; i++) {
        const values = await cache.get(KEY, hashOf(i));
        if (!values) break;
        expect(values).toEqual(valuesOf(i, 1000));
        found++;
      }
      expect(found).toBeGreaterThanOrEqual(20);
      expect(found % 5).toBe(0);
    }
  });

  test('that write at the same time lose nothing', async () => {
    const folder = await temporaryFolder();
    const children = [startWriter(folder, 0, 60), startWriter(folder, 40, 60)];
    expect(await Promise.all(children.map((child) => once(child, 'close')))).toEqual([
      [0, null],
      [0, null],
    ]);
    const cache = await open(folder);
    for (let i = 0; i < 100; i++) expect(await cache.get(KEY, hashOf(i))).toEqual(valuesOf(i, 1000));
  });

  test('that live keep their unfinished files', async () => {
    const folder = await temporaryFolder();
    const mine = join(folder, ownPartial('.menagerie'));
    await writeFile(mine, 'x');
    await open(folder);
    expect(await filesIn(folder)).toEqual([mine]);
    // A process of an earlier start of this container may have had the same id.
    await utimes(mine, new Date(0), new Date(0));
    await open(folder);
    expect(await filesIn(folder)).toEqual([]);
  });
});
