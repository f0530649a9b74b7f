import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { prepareDigit } from '../../src/core/digit/prepare-digit.js';
import type { Picture } from '../../src/core/pixels/picture.js';
import { assetsDir } from '../support/assets.js';
import { type Drawing, drawDigit, randomFrom, SHAPES_PER_DIGIT } from '../support/drawn-digits.js';

// The bundled LeNet-5 behind the real preparation of digits, without the rest of the server.

const models = fileURLToPath(new URL('../../models', import.meta.url));
const manifest = JSON.parse(readFileSync(join(models, 'lenet5/manifest.json'), 'utf8'));
const SIZE = { height: 32, width: 32 };
let session: InferenceSession;
beforeAll(async () => {
  session = await InferenceSession.create(join(models, 'lenet5', manifest.variants.fp32.file), {
    intraOpNumThreads: 1,
  });
});

/** The digits read on pictures, a hundred at a time. */
async function read(count: number, picture: (i: number) => Picture): Promise<number[]> {
  const { scale, mean, std } = manifest.preprocess;
  const digits: number[] = [];
  for (let first = 0; first < count; first += 100) {
    const rows = Math.min(100, count - first);
    const input = new Float32Array(rows * 1024);
    for (let row = 0; row < rows; row++) {
      const plane = prepareDigit(picture(first + row), SIZE);
      for (const [k, level] of plane.entries()) input[row * 1024 + k] = (level * scale - mean[0]) / std[0];
    }
    const { logits } = await session.run({ input: new Tensor('float32', input, [rows, 1, 32, 32]) });
    for (let row = 0; row < rows; row++) {
      const scores = Array.from(((logits as Tensor).data as Float32Array).subarray(row * 10, row * 10 + 10));
      digits.push(scores.indexOf(Math.max(...scores)));
    }
  }
  return digits;
}

/** Percent of the answers that are right. */
const accuracy = (answers: number[], truth: (i: number) => number | undefined) =>
  (100 * answers.filter((digit, i) => digit === truth(i)).length) / answers.length;

async function decode(file: string): Promise<Picture> {
  const { data, info } = await sharp(file)
    .flatten({ background: 'white' })
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  const grey = info.channels === 1;
  const rgb = grey
    ? Uint8Array.from({ length: data.length * 3 }, (_, i) => data[Math.floor(i / 3)] ?? 0)
    : new Uint8Array(data);
  return { data: rgb, width: info.width, height: info.height };
}

describe('LeNet-5 reads at least 90 of 100 digits drawn by code', () => {
  it('answers its golden picture', async () => {
    const golden = await decode(join(models, 'golden', manifest.golden.image));
    expect(await read(1, () => golden)).toEqual([manifest.golden.index]);
  });

  const noise = randomFrom(7);
  const kinds: [string, Partial<Drawing>][] = [
    ['black marker on white', {}],
    ['mouse, one pixel wide', { pen: 1 }],
    ['thick marker', { pen: 34 }],
    ['chalk on a board', { ink: [225, 230, 225], paper: () => [40, 60, 50] }],
    ['far off centre', { width: 900, height: 500, size: 110, pen: 9, at: [760, 110] }],
    ['pencil on noisy paper', { pen: 7, ink: [160, 160, 165], paper: () => [noise() * 20 + 215, 225, 220] }],
    [
      'ballpoint on ruled paper',
      { pen: 8, ink: [40, 50, 150], paper: (_, y) => (y % 32 < 2 ? [165, 185, 225] : [240, 240, 235]) },
    ],
    ['paper in uneven light', { pen: 12, paper: (x, y) => [235 - x * 0.4, 230 - x * 0.4 - y * 0.1, 220 - x * 0.4] }],
    ['tiny', { width: 20, height: 24, size: 16, pen: 2 }],
  ];
  it.each(kinds)('%s', async (_, kind) => {
    const drawing = (i: number) => ({
      digit: i % 10,
      shape: Math.floor(i / 10) % SHAPES_PER_DIGIT,
      seed: 1 + Math.floor(i / 20),
    });
    const answers = await read(60, (i) => drawDigit({ ...drawing(i), ...kind }));
    expect(accuracy(answers, (i) => i % 10)).toBeGreaterThanOrEqual(90);
  });
});

const assets = assetsDir();
if (!assets) console.info('LeNet-5 on MNIST: skipped, there is no assets folder (set ASSETS_DIR)');
describe.skipIf(!assets)('LeNet-5 on the MNIST test set', () => {
  let pixels: Uint8Array;
  let labels: Uint8Array;
  beforeAll(() => {
    const idx = (name: string) => gunzipSync(readFileSync(join(assets ?? '', 'datasets/mnist', name)));
    pixels = idx('t10k-images-idx3-ubyte.gz').subarray(16);
    labels = idx('t10k-labels-idx1-ubyte.gz').subarray(8);
  });
  const rgb = (level: (x: number, y: number) => number, width: number, height: number): Picture => {
    const data = new Uint8Array(width * height * 3);
    for (let p = 0; p < width * height; p++) data.fill(level(p % width, Math.floor(p / width)), p * 3, p * 3 + 3);
    return { data, width, height };
  };
  const level = (i: number, x: number, y: number) =>
    x < 0 || y < 0 || x >= 28 || y >= 28 ? 0 : (pixels[i * 784 + y * 28 + x] ?? 0);

  it('reads at least 99 % of the 10,000', async () => {
    const answers = await read(10_000, (i) => rgb((x, y) => level(i, x, y), 28, 28));
    const top1 = accuracy(answers, (i) => labels[i]);
    console.info(`LeNet-5, 10,000 test digits through the digit path: ${top1.toFixed(2)} %`);
    expect(top1).toBeGreaterThanOrEqual(99);
  });

  it('reads them as well black on white', async () => {
    const answers = await read(2000, (i) => rgb((x, y) => 255 - level(i, x, y), 28, 28));
    expect(accuracy(answers, (i) => labels[i])).toBeGreaterThanOrEqual(99);
  });

  it('reads them enlarged and off centre on larger paper', async () => {
    const random = randomFrom(3);
    const answers = await read(500, (i) => {
      const [factor, width, height] = [2 + random() * 5, 300 + random() * 400, 300 + random() * 200].map(
        Math.floor,
      ) as [number, number, number];
      const [left, top] = [random() * (width - 28 * factor), random() * (height - 28 * factor)].map(Math.floor) as [
        number,
        number,
      ];
      const ink = 60 + random() * 150;
      return rgb(
        (x, y) => 240 - (ink / 255) * level(i, Math.floor((x - left) / factor), Math.floor((y - top) / factor)),
        width,
        height,
      );
    });
    const top1 = accuracy(answers, (i) => labels[i]);
    console.info(`LeNet-5, 500 test digits enlarged and off centre: ${top1.toFixed(2)} %`);
    expect(top1).toBeGreaterThanOrEqual(97);
  });

  it('reads the digits among the single pictures', async () => {
    const files = ['digit_0.jpg', 'digit_3.jpg', 'digit_5.jpg', 'digit_7.jpg', 'digit_seven.png'];
    const pictures = await Promise.all(files.map((file) => decode(join(assets ?? '', 'images', file))));
    expect(await read(files.length, (i) => pictures[i] as Picture)).toEqual([0, 3, 5, 7, 7]);
  });
});
