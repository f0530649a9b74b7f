import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import type { VariantName } from '../../src/core/manifest/variant.js';
import { combineMembers, type MemberAnswer } from '../../src/core/scores/averaging.js';
import { topK } from '../../src/core/scores/top-k.js';
import { renderViews } from '../../src/core/views/render.js';
import { cropViews, geometryOf } from '../../src/core/views/views.js';
import type { Decoded } from '../../src/imaging/decode.js';
import type { NetworkSpec } from '../../src/runtime/networks/network-spec.js';
import { openRepository } from '../../src/zoo/open-repository.js';
import { findVariant, weightsPath } from '../../src/zoo/weights.js';
import { assetsDir } from '../support/assets.js';
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

// The bundled EfficientNet-Lite networks against another conversion of the same weights, prepared with Pillow and run with ONNX
// Runtime's Python package (reference/efficientnet-lite-*.json in the assets).

const assets = assetsDir();
if (!assets) console.warn('tests/golden/efficientnet-lite.test.ts is skipped: there are no assets (set ASSETS_DIR)');

interface Reference {
  /** Of each network. */
  crop_u8_sha256: Record<string, string>;
  top5: Top5;
}

const { models } = await openRepository([fileURLToPath(new URL('../../models', import.meta.url))]);
const bundled = [...models.values()].filter(({ manifest }) => manifest.family === 'efficientnet');

function specOf(id: string, name: VariantName): NetworkSpec {
  const model = bundled.find((folder) => folder.id === id);
  if (!model) throw new Error(`${id} is not bundled`);
  const { input, preprocess, output, batch } = model.manifest;
  const variant = findVariant(model, name);
  return {
    key: id,
    file: weightsPath(model, variant),
    labels: model.labels.length,
    bytes: 0,
    input,
    preprocess,
    output,
    batch,
  };
}

test('both networks are bundled', () => {
  expect(bundled.map(({ id }) => id)).toEqual(['efficientnet-lite0', 'efficientnet-lite2']);
});

describe.skipIf(!assets).each(PICTURE_SETS)('$name', ({ name, folder }) => {
  const root = assets ?? '';
  let reference: Record<string, Reference>;
  let pictures: Map<string, Decoded>;
  /** Every third of the larger set. */
  const shown = () => everyNth(pictures, 3);
  const remembered = rememberedAnswers(shown);
  const answers = (id: string) => remembered(specOf(id, 'fp32'));

  beforeAll(async () => {
    const file = join(root, 'reference', `efficientnet-lite-${name}.json`);
    reference = JSON.parse(readFileSync(file, 'utf8')).images;
    pictures = await decodeAll(join(root, folder), Object.keys(reference));
  });

  test.each(bundled)('every crop of $id equals Pillow byte for byte', ({ id, manifest }) => {
    const geometry = geometryOf(manifest);
    const different = [...pictures].filter(([file, picture]) => {
      const crop = renderViews(picture, geometry, cropViews(picture, geometry, 1));
      return sha256(crop) !== reference[file]?.crop_u8_sha256[id];
    });
    expect(pictures.size).toBeGreaterThan(20);
    expect(different.map(([file]) => file)).toEqual([]);
  });

  test.each(bundled)('top 5 and probabilities of $id agree to 1e-3', { timeout: 300_000 }, async ({ id }) => {
    const found = await answers(id);
    expect(found.size).toBeGreaterThan(20);
    const faults = [...found].flatMap(([file, { probabilities }]) =>
      faultsOf(file, probabilities, reference[file]?.top5[id]),
    );
    expect(faults).toEqual([]);
  });

  test('the mean of both agrees to 1e-3', { timeout: 300_000 }, async () => {
    const all: Map<string, MemberAnswer>[] = [];
    for (const { id } of bundled) all.push(await answers(id));
    const faults = [...shown().keys()].flatMap((file) => {
      const members = all.map((one) => one.get(file) as MemberAnswer);
      const { scores } = combineMembers(members, [1, 1], 'probabilities');
      return faultsOf(file, scores, reference[file]?.top5.ensemble_mean);
    });
    expect(faults).toEqual([]);
  });
});

describe.skipIf(!assets)('int8', () => {
  test.each(bundled)(
    '$id is right about the sample as often as fp32, but for two points',
    {
      timeout: 300_000,
    },
    async ({ id, labels }) => {
      const root = assets ?? '';
      const file = join(root, 'reference', 'efficientnet-lite-imagenet-sample-250.json');
      const reference: Record<string, Reference> = JSON.parse(readFileSync(file, 'utf8')).images;
      const pictures = await decodeAll(join(root, 'datasets/imagenet-sample-250'), Object.keys(reference));
      const isRight = (picture: string, index = -1) => labels[index]?.wnid === picture.split('_')[0];
      const found = await answersOf(specOf(id, 'int8'), pictures);
      const share = (bestOf: (picture: string) => number | undefined) =>
        [...pictures.keys()].filter((picture) => isRight(picture, bestOf(picture))).length / pictures.size;
      const int8 = share((picture) => topK(found.get(picture)?.probabilities ?? new Float32Array(), 1)[0]?.index);
      const fp32 = share((picture) => reference[picture]?.top5[id]?.[0]?.[0]);
      expect(fp32).toBeGreaterThan(0.85);
      expect(int8).toBeGreaterThanOrEqual(fp32 - 0.02);
    },
  );
});
