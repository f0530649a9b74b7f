import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRandom } from '../../src/core/random.js';
import { type Backbone, backboneOf } from '../../src/onnx/cut/backbone.js';
import { type HeadWeights, headFile } from '../../src/onnx/cut/head-file.js';
import { openRepository } from '../../src/zoo/open-repository.js';
import type { ModelFolder } from '../../src/zoo/repository.js';
import { findVariant, weightsPath } from '../../src/zoo/weights.js';
import { sha256 } from './model-folders.js';

// Models with heads of random weights on bundled networks.

export const BUNDLED = join(import.meta.dirname, '../../models');
/** The real worker, compiled. */
export const REAL_WORKER = new URL('../../dist/runtime/workers/inside/worker-main.js', import.meta.url);

export async function bundledModel(id: string): Promise<ModelFolder> {
  const model = (await openRepository([BUNDLED])).models.get(id);
  if (!model) throw new Error(`${id} is not bundled`);
  return model;
}

export function backboneIn(model: ModelFolder): Backbone {
  const file = weightsPath(model, findVariant(model));
  const backbone = backboneOf(new Uint8Array(readFileSync(file)), model.manifest.output.name);
  if (!backbone) throw new Error(`${model.id} has no backbone`);
  return backbone;
}

/** Values from -1 to 1. */
export function noise(count: number, seed: number): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length: count }, () => random.uniform(-1, 1));
}

/** A head of random weights for so many features; it knows the direction of each `known` row. */
export function randomHead(size: number, classes: number, seed: number, known?: Float32Array): HeadWeights {
  return { classes, weights: noise(classes * size, seed), bias: noise(classes, seed + 1), known };
}

/** The files of a model with a head on a base, for a model directory. */
export function headModel(
  id: string,
  base: ModelFolder,
  head: HeadWeights,
  changes: { above?: number; backbone?: Backbone } = {},
): Record<string, Uint8Array | string | object> {
  const { input, preprocess, batch } = base.manifest;
  const variant = findVariant(base);
  const bytes = headFile(changes.backbone ?? backboneIn(base), head);
  const manifest = {
    id,
    title: id,
    family: 'test',
    dataset: 'Random',
    labels: './labels.txt',
    input,
    preprocess,
    batch,
    output: { name: 'logits', kind: 'logits' },
    variants: { fp32: { file: `${id}.onnx`, sha256: sha256(bytes) } },
    default_variant: 'fp32',
    license: 'MIT',
    derived_from: {
      model: base.id,
      variant: variant.name,
      sha256: sha256(readFileSync(weightsPath(base, variant))),
    },
    ...(changes.above === undefined ? {} : { unknown: { output: 'distance', above: changes.above } }),
  };
  const labels = Array.from({ length: head.classes }, (_, i) => `label ${i}`).join('\n');
  return { [`${id}/manifest.json`]: manifest, [`${id}/labels.txt`]: labels, [`${id}/${id}.onnx`]: bytes };
}
