import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { at } from '../../src/core/at.js';
import { bytesInMemory } from '../../src/core/byte-source.js';
import { countOf } from '../../src/core/shape.js';
import { readModel } from '../../src/onnx/file/model.js';
import type { TailDepth } from '../../src/onnx/gradient/tail.js';
import { tailCuts } from '../../src/onnx/gradient/tail-cuts.js';
import { assetsDir } from '../support/assets.js';
import { floats, noise, runOnce, shapesOf, trainingFeeds, trainingGraph } from '../support/graphs.js';

// The gradients of whole tails, against those of PyTorch's autograd in double precision (scripts/reference/tail_gradients.py).

interface Reference {
  file: string;
  bundled: boolean;
  depth: TailDepth;
  tensor: string;
  dims: number[];
  rows: number;
  classes: number;
  loss: number;
  size: number;
  weights: Record<string, ReferenceGradient>;
}

interface ReferenceGradient {
  dims: number[];
  largest: number;
  norm: number;
  places: number[];
  values: number[];
}

/** Of the largest gradient. With float32 PyTorch itself is 2e-6 away. */
const TOLERANCE = 1e-5;
const repository = fileURLToPath(new URL('../..', import.meta.url));
const folder = join(repository, 'tests/fixtures/tail-gradients');
const references = readdirSync(folder).map((name) => ({
  name: name.replace('.json', ''),
  ...(JSON.parse(readFileSync(join(folder, name), 'utf8')) as Reference),
}));
const assets = assetsDir();
if (assets === undefined) console.log('ASSETS_DIR is not there: no gradients of networks that are not bundled.');

describe.each(references.filter(({ bundled }) => bundled || assets !== undefined))('$name', (reference) => {
  const { file, depth, rows, classes, dims } = reference;
  test('has the gradients that PyTorch computes', async () => {
    const bytes = readFileSync(join(reference.bundled ? repository : (assets ?? ''), file));
    const model = readModel(bytesInMemory(bytes));
    const [cut] = tailCuts(model, await shapesOf(bytes), model.outputs[0]?.name ?? '', [depth]);
    if (!cut) throw new Error('there is no cut');
    expect(cut).toMatchObject({ tensor: reference.tensor, dims });
    const graph = await trainingGraph(bytes, cut, classes);
    expect(graph.weights.map(({ name }) => name).sort()).toEqual(Object.keys(reference.weights).sort());
    const activations = floats(
      noise(1, rows * countOf(dims)).map((value) => 3 * value - 1),
      [rows, ...dims],
    );
    const feeds = trainingFeeds(graph, activations, floats(noise(2, rows * classes), [rows, classes]));
    const centred = (seed: number, count: number) => noise(seed, count).map((value) => value - 0.5);
    feeds['head.weight'] = floats(centred(3, classes * reference.size), [classes, reference.size]);
    feeds['head.bias'] = floats(centred(4, classes), [classes]);
    const answers = await runOnce(graph.bytes, feeds);
    expect(at(valuesOf(answers.loss), 0) / reference.loss).toBeCloseTo(1, 4);
    for (const [name, expected] of Object.entries(reference.weights)) {
      const gradient = answers[`gradient/${name}`];
      expect(gradient?.dims, name).toEqual(expected.dims);
      const values = valuesOf(gradient);
      const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
      expect(norm / expected.norm, name).toBeCloseTo(1, 4);
      const errors = expected.places.map((place, i) => Math.abs(at(values, place) - at(expected.values, i)));
      expect(Math.max(...errors) / expected.largest, name).toBeLessThan(TOLERANCE);
    }
  });
});

function valuesOf(tensor: Tensor | undefined): Float32Array {
  if (tensor?.data instanceof Float32Array) return tensor.data;
  throw new Error('the tensor is missing');
}
