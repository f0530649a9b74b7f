import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { FileLock } from '../../../src/system/file-lock.js';
import { temporaryFolder } from '../../support/model-folders.js';

const NEVER = new AbortController().signal;
/** A lock of the process that started this one, as the process writes it. */
const others = async () => {
  const file = join(await temporaryFolder(), 'own');
  const own = await FileLock.take(file, 'it', NEVER);
  const content = JSON.parse(await readFile(file, 'utf8')) as object;
  await own.release();
  return JSON.stringify({ ...content, pid: process.ppid });
};

describe('a lock that is empty', () => {
  it('is being written: who holds it is known a moment later', async () => {
    const file = join(await temporaryFolder(), 'lock');
    const content = await others();
    await writeFile(file, '');
    const taken = FileLock.take(file, 'it', NEVER);
    taken.catch(() => {});
    await sleep(100);
    await writeFile(file, content);
    await expect(taken).rejects.toMatchObject({
      code: 'io_error',
      message: expect.stringContaining(`process ${process.ppid}.`),
    });
    expect(await readFile(file, 'utf8')).toBe(content);
  });

  it('may be gone a moment later, and is free then', async () => {
    const file = join(await temporaryFolder(), 'lock');
    await writeFile(file, '');
    const taken = FileLock.take(file, 'it', NEVER);
    taken.catch(() => {});
    await sleep(100);
    await rm(file);
    const lock = await taken;
    expect(lock.lost).toBe(false);
    await lock.release();
  });

  it('is not waited for when the caller gives up', async () => {
    const file = join(await temporaryFolder(), 'lock');
    await writeFile(file, '');
    const ended = new AbortController();
    const taken = FileLock.take(file, 'it', ended.signal);
    taken.catch(() => {});
    ended.abort(new Error('enough'));
    await expect(taken).rejects.toThrow();
  });
});
