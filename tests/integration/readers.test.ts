import { readFileSync } from 'node:fs';
import sharp from 'sharp';
import { describe, expect, it, onTestFinished } from 'vitest';
import { renderViews } from '../../src/core/render.js';
import { PLAIN_LOOK, viewsOf } from '../../src/core/test-time.js';
import type { Geometry } from '../../src/core/views.js';
import { decode } from '../../src/imaging/decode.js';
import { Readers } from '../../src/runtime/readers.js';
import { until } from '../support/lane-script.js';

const SCRIPTED = new URL('../support/scripted-reader.mjs', import.meta.url);
/** As it is built: threads load JavaScript. */
const REAL = new URL('../../dist/runtime/read-worker.js', import.meta.url);

function start({ script = SCRIPTED, count = 1, timeoutMs = 20_000 } = {}) {
  const replaced: string[] = [];
  const readers = new Readers({
    count,
    script,
    timeoutMs,
    maxPixels: 1_000_000,
    onReplaced: (reason) => replaced.push(reason),
  });
  onTestFinished(() => readers.stop());
  /** Asks for what a letter stands for: a(nswer), h(old on to it), x (exit). */
  const ask = (letter: string, bytes = new Uint8Array(10_000)) => {
    bytes[0] = letter.charCodeAt(0);
    return readers.read({ bytes, autoOrient: true, looks: [] });
  };
  return { readers, replaced, ask };
}

describe('readers', () => {
  it('decode and render in their threads what the same code does here', async () => {
    const { readers } = start({ script: REAL });
    const bytes = readFileSync(new URL('../../models/golden/airplane.png', import.meta.url));
    const resize = { mode: 'shorter_side', size: 40, filter: 'bilinear' } as const;
    const geometry: Geometry = { input: { width: 32, height: 32 }, resize, color: 'RGB' };
    const looks = [PLAIN_LOOK, { ...PLAIN_LOOK, crops: 5 as const }].map((options) => ({ geometry, options }));
    const picture = await decode(bytes, true, { maxPixels: 1_000_000 });
    const read = await readers.read({ bytes: Uint8Array.from(bytes), autoOrient: true, looks });
    expect([read.width, read.height, read.format]).toEqual([picture.width, picture.height, 'png']);
    expect(read.looks).toHaveLength(2);
    for (const [i, { options }] of looks.entries()) {
      const views = viewsOf(picture, geometry, options);
      expect(read.looks[i]).toEqual({ views, pixels: renderViews(picture, geometry, views) });
    }
  });

  // To block all loaders and unblock some takes a moment in which the pictures of other threads would be refused.
  it('leave the loaders of libvips as they are when they start', async () => {
    const bytes = readFileSync(new URL('../../models/golden/airplane.png', import.meta.url));
    const png = { operation: ['VipsForeignLoadPngBuffer'] };
    const read = () =>
      start({ script: REAL }).readers.read({ bytes: Uint8Array.from(bytes), autoOrient: true, looks: [] });
    expect(await read()).toMatchObject({ format: 'png' });
    sharp.block(png);
    try {
      await expect(read()).rejects.toMatchObject({ code: 'corrupt_image' });
    } finally {
      sharp.unblock(png);
    }
  });

  it('leave libvips no loaders but those of the accepted formats', async () => {
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>');
    start({ script: REAL });
    await expect(sharp(svg).png().toBuffer()).rejects.toThrow(/blocked|unsupported/);
  });

  it('say what is wrong with a picture, and read on', async () => {
    const { readers, replaced } = start({ script: REAL });
    const read = (bytes: Uint8Array) => readers.read({ bytes, autoOrient: true, looks: [] });
    await expect(read(new Uint8Array(100))).rejects.toMatchObject({ code: 'not_an_image' });
    await expect(read(new Uint8Array())).rejects.toMatchObject({ code: 'empty_body' });
    await expect(read(new Uint8Array([0xff, 0xd8, 0xff, 0xe0]))).rejects.toMatchObject({ code: 'corrupt_image' });
    expect(replaced).toEqual([]);
  });

  it('are given the bytes where these have their memory to themselves, else a copy', async () => {
    const { ask } = start();
    const [own, part] = [new Uint8Array(10_000), new Uint8Array(20_000).subarray(5000, 15_000)];
    expect(await ask('a', own)).toMatchObject({ width: 10_000 });
    expect(await ask('a', part)).toMatchObject({ width: 10_000 });
    expect([own.length, part.length]).toEqual([0, 10_000]);
  });

  it('share the work: the one with the least to do is asked', async () => {
    const { ask } = start({ count: 3 });
    const hold = () => void ask('h').catch(() => undefined);
    const thread = async () => (await ask('a')).height;
    hold();
    hold();
    const third = await thread();
    expect(await thread()).toBe(third);
    hold();
    expect(await thread()).not.toBe(third);
  });

  it.each([
    ['x', 'exited with code 3'],
    ['h', 'no answer within 300 ms'],
  ])('that die (%s) fail what they were asked, and are replaced', async (letter, reason) => {
    const { ask, replaced } = start({ timeoutMs: letter === 'h' ? 300 : 20_000 });
    const [first, second] = [ask('h'), ask(letter)];
    await expect(first).rejects.toMatchObject({ code: 'lane_failed' });
    await expect(second).rejects.toMatchObject({ code: 'lane_failed' });
    expect(replaced).toEqual([reason]);
    await until(
      () =>
        ask('a').then(
          () => true,
          () => false,
        ),
      'another to take its place',
    );
  });

  it('that have proven themselves are replaced at once, so that there is always one to ask', async () => {
    const { ask, replaced } = start();
    for (let i = 1; i <= 5; i++) {
      expect(await ask('a')).toMatchObject({ width: 10_000 });
      await expect(ask('x')).rejects.toMatchObject({ code: 'lane_failed' });
      expect(replaced).toHaveLength(i);
    }
  });

  it('leave the work of one that is dead to the others', async () => {
    const { ask, replaced } = start({ count: 2 });
    await expect(ask('x')).rejects.toMatchObject({ code: 'lane_failed' });
    expect(replaced).toHaveLength(1);
    for (let i = 0; i < 5; i++) expect(await ask('a')).toMatchObject({ width: 10_000 });
  });

  it('finish what they were asked before they stop', async () => {
    const { readers } = start({ script: REAL });
    const bytes = new Uint8Array(readFileSync(new URL('../../models/golden/airplane.png', import.meta.url)));
    const read = readers.read({ bytes, autoOrient: true, looks: [] });
    await readers.stop();
    expect(await read).toMatchObject({ format: 'png' });
  });
});
