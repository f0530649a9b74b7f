import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdir, readdir, readFile, truncate, unlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type FileResult, resultText } from '../../../src/cli/folders/result-lines.js';
import { ResultsFile, type ResultsFileOptions } from '../../../src/cli/folders/results-file.js';
import { MenagerieError } from '../../../src/core/errors.js';
import { temporaryFolder } from '../../support/model-folders.js';

const classes = ['plain', '=1+1', 'a "b", c'];
const answered = (file: string): FileResult => ({
  file,
  answer: {
    width: 1,
    height: 1,
    format: 'png',
    predictions: classes.map((label, index) => ({ index, label, short_name: label, score: 0.5 - index / 10 })),
  },
});
const failed = (file: string): FileResult => ({ file, error: new MenagerieError('corrupt_image', 'damaged') });
/** In odd places and of odd names. */
const NAMES = ['a.jpg', ' b, "c".jpg ', 'd/\\xE9.jpg', '\\x3Dcmd.jpg', 'été.jpg'];
const RESULTS = [...NAMES.map(answered), failed('broken, too.jpg'), answered('last.jpg')];

const quiet = new AbortController().signal;

async function inFolder(format: 'json' | 'csv', changes: Partial<ResultsFileOptions> = {}) {
  const path = join(await temporaryFolder(), format === 'csv' ? 'r.csv' : 'r.jsonl');
  const options = { path, format, asked: { top_k: 3 }, rows: 3, header: true, retryFailed: false, ...changes };
  const open = (more: Partial<ResultsFileOptions> = {}) => ResultsFile.open({ ...options, ...more }, quiet);
  /** What the command does: adds what is not there. */
  const run = async (more: Partial<ResultsFileOptions> = {}) => {
    const file = await open(more);
    let added = 0;
    for (const result of RESULTS) {
      if (file.has(result.file)) continue;
      await file.append(result.file, resultText(result, format));
      added++;
    }
    await file.close();
    return added;
  };
  return { path, open, run, text: () => readFile(path, 'utf8') };
}

/** Two files that another machine holds, one lock of which is touched. @returns what comes of it: the pictures added, the error */
async function beside(): Promise<() => Promise<[number, string]>> {
  const lock = JSON.stringify({ host: 'elsewhere', space: 'x', pid: process.pid });
  const [left, held] = [await inFolder('csv'), await inFolder('csv')];
  for (const { path } of [left, held]) await writeFile(`${path}.lock`, lock);
  return async () => {
    const touching = setInterval(() => void utimes(`${held.path}.lock`, new Date(), new Date()), 1000);
    const refused = held.run().then(String, String);
    const added = await left.run();
    const why = await refused;
    clearInterval(touching);
    return [added, why];
  };
}
// It takes 20 seconds, so the other tests run meanwhile.
const watching = (await beside())();
watching.catch(() => {});

describe.each(['csv', 'json'] as const)('a file of results as %s', (format) => {
  test('is the same wherever it was cut off before', async () => {
    const { path, run, text } = await inFolder(format);
    expect(await run()).toBe(RESULTS.length);
    const whole = await text();
    for (let length = 0; length < Buffer.byteLength(whole); length++) {
      await truncate(path, length);
      await run();
      // What follows the failure is written behind it, so the order stays too.
      expect(await text(), `cut at ${length}`).toBe(whole);
    }
    expect(await run()).toBe(0);
  });

  test('is the same with the zeros at its end that a power failure leaves', async () => {
    const { path, run, text } = await inFolder(format);
    await run();
    const whole = await text();
    await appendFile(path, Buffer.alloc(5000));
    expect(await run()).toBe(0);
    expect(await text()).toBe(whole);
  });

  test('keeps failures, and does them again when asked', async () => {
    const { path, open, run, text } = await inFolder(format);
    await run();
    expect(await run()).toBe(0);
    const whole = await text();
    const file = await open({ retryFailed: true });
    expect([file.tally.classified, file.tally.failed]).toEqual([RESULTS.length - 1, 0]);
    expect(RESULTS.filter((result) => !file.has(result.file)).map((result) => result.file)).toEqual([
      'broken, too.jpg',
    ]);
    await file.close();
    expect((await text()).includes('broken')).toBe(false);
    expect(await run()).toBe(1);
    expect((await text()).split('\n').sort()).toEqual(whole.split('\n').sort());
    expect((await readdir(join(path, '..'))).length).toBe(2);
  });

  test('of another question is refused, saying what differs, and stays as it is', async () => {
    const { path, run, text } = await inFolder(format);
    await run();
    const whole = await text();
    await expect(run({ asked: { top_k: 5, seed: 0 } })).rejects.toThrow(
      /top_k was 3, now 5; seed was undefined, now 0/,
    );
    await unlink(`${path}.asked.json`);
    await expect(run()).rejects.toThrow(/asked\.json, which says what was asked, is not there/);
    expect(await text()).toBe(whole);
    expect(await readdir(join(path, '..'))).not.toContain('r.csv.lock');
  });

  test('that is something else is refused, naming the line, and stays as it is', async () => {
    const { path, run, text } = await inFolder(format);
    await run();
    const [first = '', ...others] = (await text()).split('\n');
    const foreign = [first, 'Dear diary', ...others].join('\n');
    await writeFile(path, foreign);
    await expect(run()).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining('line 2') });
    expect(await text()).toBe(foreign);
  });

  test('is written by one process', async () => {
    const { path, open, run } = await inFolder(format);
    const holder = spawn('sleep', ['60']);
    const first = await open();
    const { pid: _, ...here } = JSON.parse(await readFile(`${path}.lock`, 'utf8'));
    await first.close();
    await writeFile(`${path}.lock`, JSON.stringify({ ...here, pid: holder.pid }));
    await expect(open()).rejects.toThrow(`is being written by process ${holder.pid}`);
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    // The holder is dead: its lock is taken over.
    expect(await run()).toBe(RESULTS.length);
  });
});

test('a lock of another machine is taken over when nobody touches it, and else respected', {
  timeout: 90_000,
}, async () => {
  expect(await watching).toEqual([RESULTS.length, expect.stringContaining('on elsewhere')]);
});

test('parts put together are one table', async () => {
  const first = await inFolder('csv');
  const second = await inFolder('csv', { header: false });
  await first.run();
  await second.run();
  expect(await second.run()).toBe(0);
  const lines = `${await first.text()}${await second.text()}`.split('\n');
  expect(lines.filter((line) => line.startsWith('file,'))).toHaveLength(1);
});

test('no field of CSV is a formula', async () => {
  const { run, text } = await inFolder('csv');
  await run();
  expect(await text()).not.toMatch(/(^|,|")[=+\-@]/m);
});

test('what is no regular file is refused', async () => {
  const { path, open } = await inFolder('csv');
  await mkdir(path);
  await expect(open()).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining('not a regular file') });
});
