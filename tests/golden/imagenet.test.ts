import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { cropPixels, type Preparation } from '../../src/core/prepare.js';
import { topK } from '../../src/core/top-k.js';
import { type Decoded, decode } from '../../src/imaging/decode.js';
import { Network } from '../../src/runtime/network.js';
import { assetsDir } from '../support/assets.js';

// 276 photographs and what Pillow and ONNX Runtime's Python package make of them (reference/ in the assets).

const assets = assetsDir();
if (!assets) console.warn('tests/golden/imagenet.test.ts is skipped: there are no assets (set ASSETS_DIR)');

interface Reference {
  crop_u8_sha256: string;
  top5: Record<string, [index: number, score: number][]>;
}

const PHOTO = {
  resize: { mode: 'shorter_side', size: 256, filter: 'bilinear' },
  color: 'RGB',
  scale: 1 / 255,
} as const;
const TORCH = { ...PHOTO, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const HALF = { ...PHOTO, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };
const NETWORKS = [
  { id: 'squeezenet1.1', input: 'data', preprocess: TORCH },
  { id: 'mobilenetv2', input: 'input', preprocess: HALF },
  { id: 'resnet18', input: 'input', preprocess: TORCH },
  { id: 'resnet50', input: 'input', preprocess: TORCH },
];
const SETS = [
  { name: 'imagenet-sample-250', folder: 'datasets/imagenet-sample-250' },
  { name: 'images', folder: 'images' },
];

function preparation({ input, preprocess }: (typeof NETWORKS)[number]): Preparation {
  return { input: { name: input, layout: 'NCHW', height: 224, width: 224 }, preprocess };
}

describe.skipIf(!assets).each(SETS)('$name', ({ name, folder }) => {
  const root = assets ?? '';
  let reference: Record<string, Reference>;
  let pictures: Map<string, Decoded>;

  beforeAll(async () => {
    reference = JSON.parse(readFileSync(join(root, 'reference', `${name}.json`), 'utf8')).images;
    const names = Object.keys(reference);
    const read = (file: string) => decode(readFileSync(join(root, folder, file)), false, { maxPixels: 50_000_000 });
    pictures = new Map(await Promise.all(names.map(async (file) => [file, await read(file)] as const)));
  });

  test('every 224 x 224 crop equals Pillow byte for byte', () => {
    const different = [...pictures].filter(([file, picture]) => {
      const crop = cropPixels(picture, preparation(NETWORKS[0] as (typeof NETWORKS)[number]));
      return createHash('sha256').update(crop).digest('hex') !== reference[file]?.crop_u8_sha256;
    });
    expect(pictures.size).toBeGreaterThan(20);
    expect(different.map(([file]) => file)).toEqual([]);
  });

  test.each(NETWORKS)('top 5 and probabilities of $id agree to 1e-3', { timeout: 180_000 }, async (network) => {
    const loaded = await Network.load(
      {
        key: network.id,
        file: join(root, 'models', `${network.id}.onnx`),
        preparation: preparation(network),
        output: { name: 'logits', kind: 'logits' },
      },
      { device: 'cpu', threads: 1 },
    );
    const faults: string[] = [];
    for (const [file, picture] of pictures) {
      const { probabilities } = await loaded.run(picture);
      const expected = reference[file]?.top5[network.id] ?? [];
      const found = topK(probabilities, 5);
      for (const [rank, [index, score]] of expected.entries()) {
        const got = found[rank];
        // Two classes closer than the tolerance may change places.
        const inOrder = got?.index === index || Math.abs((got?.score ?? 0) - score) <= 1e-3;
        if (!inOrder || Math.abs((probabilities[index] ?? 0) - score) > 1e-3) {
          faults.push(`${file}: rank ${rank + 1}: expected ${index} at ${score}, got ${got?.index} at ${got?.score}`);
        }
      }
    }
    await loaded.release();
    expect(faults).toEqual([]);
  });
});
