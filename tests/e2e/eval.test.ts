import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { assetsDir } from '../support/assets.js';
import { drawDigit } from '../support/drawn-digits.js';
import { temporaryFolder, writeTree } from '../support/model-folders.js';
import { run } from '../support/process.js';

async function drawnDigits(): Promise<string> {
  const root = await temporaryFolder();
  const files: Record<string, Uint8Array> = {};
  for (let digit = 0; digit < 10; digit++) {
    const { data, width, height } = drawDigit({ digit });
    const raw = { width, height, channels: 3 } as const;
    files[`${digit}/drawn.png`] = await sharp(data, { raw }).png().toBuffer();
  }
  await writeTree(root, files);
  return root;
}

describe('menagerie eval', () => {
  it('says how often a network is right, as text, JSON and a picture', async () => {
    const root = await drawnDigits();
    const svg = join(root, 'confusion.svg');
    const { status, out, err } = await run(['eval', 'lenet5', '--data', root, '--json', '--confusion', svg]);
    expect([status, err]).toEqual([0, '']);
    const report = JSON.parse(out);
    expect(report).toMatchObject({ id: 'lenet5', images: 10, dataset: { form: 'folders' }, views: 1, failed: [] });
    expect(report.top1).toBeGreaterThanOrEqual(0.8);
    expect(report.classes.map(({ images }: { images: number }) => images)).toEqual(new Array(10).fill(1));
    expect(await readFile(svg, 'utf8')).toMatch(/^<svg /);
    const text = await run(['eval', 'lenet5', '--data', root, '--limit', '5']);
    expect(text.out).toMatch(/5 pictures of .*\n\nTop-1/);
  });

  it('goes on after a picture that cannot be read, names it, and exits with 1', async () => {
    const root = await drawnDigits();
    await writeTree(root, { '3/broken.png': 'no picture' });
    const { status, out } = await run(['eval', 'lenet5', '--data', root, '--json']);
    expect(status).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      images: 10,
      failed: [{ file: join('3', 'broken.png'), code: 'not_an_image' }],
    });
  });

  it('reads pictures that are in no files of their own', async () => {
    const root = await temporaryFolder();
    const pictures = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28, ...new Array(2 * 28 * 28).fill(0)];
    await writeTree(root, {
      't10k-images-idx3-ubyte': Uint8Array.from(pictures),
      't10k-labels-idx1-ubyte': Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 7, 1),
    });
    const { status, out } = await run(['eval', 'lenet5', '--data', root, '--json']);
    expect(JSON.parse(out)).toMatchObject({ images: 2, failed: [], dataset: { form: 'idx' } });
    expect(status).toBe(0);
  });

  it('says what is wrong with its arguments', async () => {
    const root = await temporaryFolder();
    expect((await run(['eval', 'lenet5'])).status).toBe(2);
    expect((await run(['eval', 'lenet5', '--data', root])).err).toMatch(/no labelled pictures.*\[invalid_data\]/);
    expect((await run(['eval', 'nobody', '--data', root])).err).toMatch(/no model "nobody".*\[unknown_model\]/);
    expect((await run(['eval', 'lenet5', '--data', root, '--tta', 'spin'])).err).toMatch(/tta: "spin" is unknown/);
  });
});

const assets = assetsDir();
describe.skipIf(!assets)('menagerie eval on MNIST (skipped without the assets folder)', () => {
  it('finds the accuracy that the manifest states for LeNet-5 read through the digit reader', async () => {
    const data = join(assets ?? '', 'datasets/mnist');
    const { out } = await run(['eval', 'lenet5', '--data', data, '--limit', '2000', '--json']);
    const { top1, images, dataset } = JSON.parse(out);
    expect([images, dataset.form]).toEqual([2000, 'idx']);
    // 99.45 % of all 10,000; of 2,000 that may be half a point less.
    expect(top1).toBeGreaterThan(0.988);
  });
});
