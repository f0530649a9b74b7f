import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { combineMembers, type MemberAnswer } from '../../src/core/scores/averaging.js';
import { renderViews } from '../../src/core/views/render.js';
import { cropViews, geometryOf } from '../../src/core/views/views.js';
import type { Decoded } from '../../src/imaging/decode.js';
import type { NetworkSpec } from '../../src/runtime/networks/network-spec.js';
import { assetsDir } from '../support/assets.js';
import { imagenetNetworks } from '../support/imagenet-networks.js';
import {
  answersOf,
  decodeAll,
  everyNth,
  faultsOf,
  PICTURE_SETS,
  rememberedAnswers,
  sha256,
  type Top5,
} from '../support/reference-answers.js';

// 276 photographs and what Pillow and ONNX Runtime's Python package make of them (reference/ in the assets).

const assets = assetsDir();
if (!assets) console.warn('tests/golden/imagenet.test.ts is skipped: there are no assets (set ASSETS_DIR)');

interface Reference {
  crop_u8_sha256: string;
  /** Of every fifth picture. */
  ten_crop_u8_sha256?: string[];
  top5: Top5;
}

/** So slow that they see only every third of the larger set. */
const SLOW = ['resnet18', 'resnet50'];

const NETWORKS = imagenetNetworks(assets ?? '');
const GEOMETRY = geometryOf(NETWORKS[0] as NetworkSpec);

describe.skipIf(!assets).each(PICTURE_SETS)('$name', ({ name, folder }) => {
  const root = assets ?? '';
  let reference: Record<string, Reference>;
  let pictures: Map<string, Decoded>;
  const answers = rememberedAnswers(({ key }) => everyNth(pictures, SLOW.includes(key) ? 3 : 1));
  const everyFifth = () => new Map([...pictures].filter(([file]) => reference[file]?.ten_crop_u8_sha256));

  beforeAll(async () => {
    reference = JSON.parse(readFileSync(join(root, 'reference', `${name}.json`), 'utf8')).images;
    pictures = await decodeAll(join(root, folder), Object.keys(reference));
  });

  test('every 224 x 224 crop equals Pillow byte for byte', () => {
    const different = [...pictures].filter(([file, picture]) => {
      const crop = renderViews(picture, GEOMETRY, cropViews(picture, GEOMETRY, 1));
      return sha256(crop) !== reference[file]?.crop_u8_sha256;
    });
    expect(pictures.size).toBeGreaterThan(20);
    expect(different.map(([file]) => file)).toEqual([]);
  });

  test('the ten crops of every fifth equal Pillow byte for byte, in the same order', () => {
    expect(everyFifth().size).toBe(Math.ceil(pictures.size / 5));
    const length = 224 * 224 * 3;
    for (const [file, picture] of everyFifth()) {
      const views = cropViews(picture, GEOMETRY, 10);
      const pixels = renderViews(picture, GEOMETRY, views);
      const hashes = views.map((_, i) => sha256(pixels.subarray(i * length, (i + 1) * length)));
      expect([file, hashes]).toEqual([file, reference[file]?.ten_crop_u8_sha256]);
    }
  });

  test.each(NETWORKS)('top 5 and probabilities of $key agree to 1e-3', { timeout: 300_000 }, async (network) => {
    const found = await answers(network);
    expect(found.size).toBeGreaterThan(20);
    const faults = [...found].flatMap(([file, { probabilities }]) =>
      faultsOf(file, probabilities, reference[file]?.top5[network.key]),
    );
    expect(faults).toEqual([]);
  });

  test('the mean of the four networks agrees to 1e-3', { timeout: 300_000 }, async () => {
    const all: Map<string, MemberAnswer>[] = [];
    for (const network of NETWORKS) all.push(await answers(network));
    const seenByAll = [...pictures.keys()].filter((file) => all.every((one) => one.has(file)));
    expect(seenByAll.length).toBeGreaterThan(20);
    const faults = seenByAll.flatMap((file) => {
      const members = all.map((one) => one.get(file) as MemberAnswer);
      const { scores } = combineMembers(members, [1, 1, 1, 1], 'probabilities');
      return faultsOf(file, scores, reference[file]?.top5.ensemble_mean);
    });
    expect(faults).toEqual([]);
  });

  test('ten crops in resnet18 agree to 1e-3', { timeout: 300_000 }, async () => {
    const network = NETWORKS.find(({ key }) => key === 'resnet18') as NetworkSpec;
    const found = await answersOf(network, everyNth(everyFifth(), 2), 10);
    expect(found.size).toBeGreaterThan(5);
    const faults = [...found].flatMap(([file, { probabilities }]) =>
      faultsOf(file, probabilities, reference[file]?.top5.resnet18_ten_crop),
    );
    expect(faults).toEqual([]);
  });
});
