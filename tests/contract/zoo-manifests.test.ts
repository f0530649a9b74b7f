import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { variantsOf } from '../../src/core/manifest/manifest.js';
import { openRepository } from '../../src/zoo/open-repository.js';
import { assetsDir } from '../support/assets.js';

interface ZooFile {
  file: string;
  url: string;
  sha256: string;
  bytes: number;
  top1: string | null;
  top5: string | null;
  inputs: { name: string; shape: (number | string)[] }[];
  outputs: { name: string; shape: (number | string)[] }[];
  license: string;
}

const assets = assetsDir();

describe.skipIf(!assets)(
  'manifests against the index of the ONNX model zoo (skipped without the assets folder)',
  async () => {
    if (!assets) return;
    const index = JSON.parse(await readFile(join(assets, 'zoo.json'), 'utf8')) as { files: ZooFile[] };
    const zoo = new Map(index.files.map((entry) => [entry.file, entry]));
    const { models } = await openRepository([fileURLToPath(new URL('../../models', import.meta.url))]);
    const fromZoo = [...models.values()].filter(({ manifest }) => manifest.variants.fp32?.url);

    it('has all of them', () => {
      expect(fromZoo).toHaveLength(17);
    });

    it.each(fromZoo.map((model) => [model.id, model] as const))('%s states what the zoo states', (_, { manifest }) => {
      for (const [, variant] of variantsOf(manifest)) {
        const entry = zoo.get(variant.file) as ZooFile;
        const accuracy = (text: string | null) => (text ? Number(text) : undefined);
        expect(variant).toEqual({
          file: entry.file,
          url: entry.url,
          sha256: entry.sha256,
          bytes: entry.bytes,
          ...(entry.top1 && { top1: accuracy(entry.top1) }),
          ...(entry.top5 && { top5: accuracy(entry.top5) }),
        });
        const [input, output] = [entry.inputs[0], entry.outputs[0]];
        expect(manifest.input.name).toBe(input?.name);
        expect(input?.shape.slice(1)).toEqual([3, manifest.input.height, manifest.input.width]);
        expect(manifest.batch).toBe(input?.shape[0] === 1 ? 1 : 'dynamic');
        expect(manifest.output.name).toBe(output?.name);
        expect(manifest.output.kind).toBe(/^(prob_|softmax)/.test(output?.name ?? '') ? 'probabilities' : 'logits');
        expect(manifest.license).toBe(entry.license);
      }
    });

    it.each(fromZoo.map((model) => [model.id, model] as const))('%s has the better int8 file', (_, { manifest }) => {
      const stem = manifest.variants.fp32?.file.replace('.onnx', '');
      const [qdq, int8] = [zoo.get(`${stem}-qdq.onnx`), zoo.get(`${stem}-int8.onnx`)];
      const better = !qdq || (int8 && Number(int8.top1) > Number(qdq.top1)) ? int8 : qdq;
      expect(manifest.variants.int8?.file).toBe(better?.file);
    });
  },
);
