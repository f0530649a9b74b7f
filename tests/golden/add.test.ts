import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { at } from '../../src/core/at.js';
import type { Preprocess } from '../../src/core/manifest/manifest.js';
import { createRandom } from '../../src/core/random.js';
import { encodePng } from '../../src/imaging/encode.js';
import { assetsDir } from '../support/assets.js';
import { drawDigit, SHAPES_PER_DIGIT } from '../support/drawn-digits.js';
import { temporaryFolder } from '../support/model-folders.js';
import { run } from '../support/process.js';

// `menagerie add` with real networks whose manifest is withheld: it finds the preparation that their makers state.

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const models = join(ROOT, 'models');

/** Order of the channels, and what becomes of black and white in each, as the makers state it. */
interface Stated {
  color: string;
  black: number[];
  white: number[];
}
const torchvision: Stated = { color: 'RGB', black: [-2.118, -2.036, -1.804], white: [2.249, 2.429, 2.64] };
const around0: Stated = { color: 'RGB', black: [-1, -1, -1], white: [1, 1, 1] };
const to1: Stated = { color: 'GRAY', black: [0], white: [1] };

/**
 * Adds the network of a file with labelled pictures, and checks how it is fed.
 * @param limit so many that they decide, and few more: each is tried with every preparation
 */
async function expectFound(file: string, data: string, limit: number, { color, black, white }: Stated): Promise<void> {
  const to = await temporaryFolder();
  const args = ['--data', data, '--limit', String(limit), '--to', to, '--id', 'found', '--json', '--workers', '2'];
  const { status, out, err } = await run(['add', file, ...args]);
  expect([status, err, status === 0 ? '' : out]).toEqual([0, '', '']);
  const { preprocess } = JSON.parse(readFileSync(join(to, 'found/manifest.json'), 'utf8')) as {
    preprocess: Preprocess;
  };
  expect(preprocess.color).toBe(color);
  // Statistics in use that differ by a few percent cannot be told apart, and need not be.
  for (const [c, low] of black.entries()) {
    const value = (byte: number) => (byte * preprocess.scale - at(preprocess.mean, c)) / at(preprocess.std, c);
    const high = at(white, c);
    expect([Math.abs(value(0) - low) < 0.15 * (high - low), Math.abs(value(255) - high) < 0.15 * (high - low)]).toEqual(
      [true, true],
    );
  }
}

/** Writes crops of photographs, turned and in other colours. */
async function cropsIn(folder: string, count: number): Promise<void> {
  const photographs = ['samples/coffee.jpg', 'models/golden/golf-ball.png', 'tests/fixtures/fidelity/wide.jpg'];
  const random = createRandom(3);
  for (let i = 0; i < count; i++) {
    const photograph = sharp(join(ROOT, photographs[i % photographs.length] ?? ''));
    const { width, height } = await photograph.metadata();
    const side = Math.round(random.uniform(0.25, 0.8) * Math.min(width, height));
    const [left, top] = [random.integer(width - side), random.integer(height - side)];
    const crop = photograph.extract({ left, top, width: side, height: side }).removeAlpha().toColourspace('srgb');
    const changed = crop.rotate(90 * (i % 4)).modulate({ hue: 45 * (i % 8) });
    writeFileSync(join(folder, `${i}.png`), await changed.png().toBuffer());
  }
}

async function drawnDigitsIn(folder: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const [digit, shape] = [i % 10, Math.floor(i / 10) % SHAPES_PER_DIGIT];
    const picture = drawDigit({ digit, shape, seed: i, width: 120, height: 120, size: 80, pen: 3 + (i % 17) });
    writeFileSync(join(folder, `${i}.png`), await encodePng(picture));
  }
}

/**
 * Pictures that a network of the repository knows: each has a label drawn with the probabilities that the network gives with its own
 * manifest. So no other preparation makes the labels more probable, but by chance (Gibbs' inequality).
 */
async function knownTo(
  model: string,
  write: (folder: string, count: number) => Promise<void>,
  count: number,
): Promise<string> {
  const folder = await temporaryFolder();
  await write(folder, count);
  const { out } = await run(['classify', folder, '-m', model, '-k', '1000', '--json']);
  const random = createRandom(4);
  const rows = out
    .trim()
    .split('\n')
    .map((line) => {
      const { file, predictions } = JSON.parse(line) as {
        file: string;
        predictions: { index: number; score: number }[];
      };
      let left = random.uniform(0, 1);
      const drawn = predictions.find(({ score }) => {
        left -= score;
        return left < 0;
      });
      return `${basename(file)},${(drawn ?? predictions[0])?.index}`;
    });
  const list = join(folder, 'known.csv');
  writeFileSync(list, `file,label\n${rows.join('\n')}\n`);
  return list;
}

const assets = assetsDir();
describe('a bundled network without its manifest', () => {
  it.skipIf(assets).each([
    ['efficientnet-lite0', 'efficientnet-lite0-int8.onnx', 48, around0],
    ['cifar10-resnet20', 'cifar10-resnet20.onnx', 120, torchvision],
  ] as const)(
    '%s (skipped with the assets folder, whose networks want the same)',
    { timeout: 300_000 },
    async (id, file, count, stated) => {
      await expectFound(join(models, id, file), await knownTo(id, cropsIn, count), count, stated);
    },
  );

  it('LeNet-5', { timeout: 300_000 }, async () => {
    const known = await knownTo('lenet5', drawnDigitsIn, 200);
    const mnist = { color: 'GRAY', black: [-0.424], white: [2.821] };
    await expectFound(join(models, 'lenet5/lenet5.onnx'), known, 200, mnist);
  });
});

describe.skipIf(!assets)('a network without its manifest (skipped without the assets folder)', () => {
  const datasets = join(assets ?? '', 'datasets');

  it('mnist-12.onnx', { timeout: 300_000 }, async () => {
    await expectFound(join(assets ?? '', 'models/mnist-12.onnx'), join(datasets, 'mnist'), 1000, to1);
  });

  it.each([
    ['squeezenet1.1.onnx', 40, torchvision],
    ['resnet18-int8.onnx', 40, torchvision],
    ['mobilenetv2.onnx', 32, around0],
  ] as const)('%s', { timeout: 300_000 }, async (file, limit, stated) => {
    await expectFound(join(assets ?? '', 'models', file), join(datasets, 'imagenet-sample-250'), limit, stated);
  });

  it('cifar10-resnet20.onnx', { timeout: 300_000 }, async () => {
    const data = await temporaryFolder();
    execFileSync('tar', ['xJf', join(datasets, 'cifar10-jpeg.tar.xz'), '-C', data, 'cifar10/test']);
    await expectFound(join(assets ?? '', 'models/cifar10-resnet20.onnx'), join(data, 'cifar10/test'), 150, torchvision);
  });
});
