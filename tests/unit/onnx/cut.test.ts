import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, onTestFinished, test } from 'vitest';
import { integer, modelOf, node, tensor, value } from '../../../scripts/torture/onnx-fields.mjs';
import { bytesInMemory } from '../../../src/core/byte-source.js';
import { createRandom } from '../../../src/core/random.js';
import { type Backbone, backboneOf } from '../../../src/onnx/cut/backbone.js';
import { featureOutput } from '../../../src/onnx/cut/features.js';
import { type HeadWeights, headFile, headPart } from '../../../src/onnx/cut/head-file.js';
import { readModel } from '../../../src/onnx/file/model.js';
import { assetsDir } from '../../support/assets.js';

const MODELS = join(import.meta.dirname, '../../../models');
const bundled = (file: string) => new Uint8Array(readFileSync(join(MODELS, file)));

async function sessionOf(bytes: Uint8Array): Promise<InferenceSession> {
  const session = await InferenceSession.create(bytes, { intraOpNumThreads: 1, logSeverityLevel: 3 });
  onTestFinished(() => session.release());
  return session;
}

/** The float32 outputs for the inputs, by name. */
async function outputs(bytes: Uint8Array, feeds: Record<string, Tensor>): Promise<Record<string, Float32Array>> {
  const results = await (await sessionOf(bytes)).run(feeds);
  return Object.fromEntries(
    Object.entries(results).map(([name, { data }]) => {
      if (!(data instanceof Float32Array)) throw new Error(`${name} is not float32`);
      return [name, data];
    }),
  );
}

function noise(count: number, seed = 1): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length: count }, () => random.uniform(-1, 1));
}

const pictureOf = (dims: number[]) => new Tensor('float32', noise(dims.reduce((a, b) => a * b)), dims);

function cutOf(bytes: Uint8Array, output: string): Backbone {
  const backbone = backboneOf(bytes, output);
  if (!backbone) throw new Error('it has no backbone');
  return backbone;
}

const withFeatures = (bytes: Uint8Array, output: string) => {
  const added = featureOutput(readModel(bytesInMemory(bytes)), output);
  if (!added) throw new Error('it has no features');
  return { bytes: Buffer.concat([bytes, added.bytes]), size: added.size };
};

/** A head as an independent computation in float64. */
function answer(features: Float32Array, size: number, { classes, weights, bias, hidden, known }: HeadWeights) {
  const layer = (inputs: number[], w: Float32Array, b: Float32Array) =>
    [...b].map((start, unit) => inputs.reduce((sum, x, i) => sum + x * (w[unit * inputs.length + i] ?? 0), start));
  const rows = Array.from({ length: features.length / size }, (_, r) => [
    ...features.subarray(r * size, (r + 1) * size),
  ]);
  const logits = rows.flatMap((row) => {
    const inputs = hidden ? layer(row, hidden.weights, hidden.bias).map((sum) => Math.max(0, sum)) : row;
    return layer(inputs, weights, bias);
  });
  expect(logits).toHaveLength(rows.length * classes);
  const distances = rows.map((row) => {
    const length = Math.hypot(...row);
    const cosines = Array.from({ length: (known?.length ?? 0) / size }, (_, k) =>
      row.reduce((sum, x, i) => sum + (x / length) * (known?.[k * size + i] ?? 0), 0),
    );
    return 1 - Math.max(...cosines);
  });
  return { logits, distances };
}

function unitRows(count: number, size: number, seed: number): Float32Array {
  const rows = noise(count * size, seed);
  for (let r = 0; r < count; r++) {
    const row = rows.subarray(r * size, (r + 1) * size);
    const length = Math.hypot(...row);
    for (let i = 0; i < size; i++) row[i] = (row[i] ?? 0) / length;
  }
  return rows;
}

const near = (found: ArrayLike<number> | undefined, expected: readonly number[]) => {
  const values = Array.from(found ?? []);
  expect(values).toHaveLength(expected.length);
  const worst = Math.max(...values.map((v, i) => Math.abs(v - (expected[i] ?? Number.NaN)) / Math.max(1, Math.abs(v))));
  expect(worst).toBeLessThan(1e-5);
};

type Case = [file: string, input: string, dims: number[], output: string, size: number];
const CASES: Case[] = [
  ['lenet5/lenet5.onnx', 'input', [2, 1, 32, 32], 'logits', 84],
  ['cifar10-nin/cifar10-nin.onnx', 'input', [2, 3, 32, 32], 'logits', 128],
  ['cifar10-nin/cifar10-nin-int8.onnx', 'input', [2, 3, 32, 32], 'logits', 128],
  ['cifar10-resnet20/cifar10-resnet20-int8.onnx', 'input', [2, 3, 32, 32], 'logits', 64],
  ['efficientnet-lite0/efficientnet-lite0.onnx', 'input', [1, 3, 224, 224], 'logits', 1280],
];

describe.each(CASES)('%s', (file, input, dims, output, size) => {
  const bytes = bundled(file);
  const feeds = { [input]: pictureOf(dims) };

  test('gives the features of its backbone beside the same scores as before', async () => {
    const backbone = cutOf(bytes, output);
    expect(backbone.size).toBe(size);
    const extended = withFeatures(bytes, output);
    expect(extended.size).toBe(size);
    const [alone, both, plain] = [
      await outputs(backbone.bytes, feeds),
      await outputs(extended.bytes, feeds),
      await outputs(bytes, feeds),
    ];
    expect(alone[backbone.features]).toHaveLength((dims[0] ?? 0) * size);
    expect(both[backbone.features]).toEqual(alone[backbone.features]);
    expect(both[output]).toEqual(plain[output]);
  });

  test('keeps its backbone in a file with a head', async () => {
    const backbone = cutOf(bytes, output);
    const head: HeadWeights = {
      classes: 3,
      weights: noise(3 * size, 2),
      bias: noise(3, 3),
      known: unitRows(5, size, 4),
    };
    const written = headFile(backbone, head);
    const again = cutOf(written, 'logits');
    expect(Buffer.compare(again.bytes, backbone.bytes)).toBe(0);
    expect(again.size).toBe(size);
    const found = await outputs(written, feeds);
    expect(Object.keys(found)).toEqual(['logits', 'distance']);
    const { [backbone.features]: features = new Float32Array() } = await outputs(backbone.bytes, feeds);
    const expected = answer(features, size, head);
    near(found.logits, expected.logits);
    near(found.distance, expected.distances);
    expect(await outputs(withFeatures(written, 'logits').bytes, feeds)).toEqual({
      ...found,
      [backbone.features]: features,
    });
  });
});

describe('a head', () => {
  const lenet = cutOf(bundled('lenet5/lenet5.onnx'), 'logits');
  const feeds = { input: pictureOf([3, 1, 32, 32]) };
  const head: HeadWeights = {
    classes: 4,
    weights: noise(4 * 7, 2),
    bias: noise(4, 3),
    hidden: { units: 7, weights: noise(7 * 84, 5), bias: noise(7, 6) },
    known: unitRows(1, 84, 4),
  };

  test('may have a hidden layer, and its backbone is still found', async () => {
    const written = headFile(lenet, head);
    expect(Buffer.compare(cutOf(written, 'logits').bytes, lenet.bytes)).toBe(0);
    const { [lenet.features]: features = new Float32Array() } = await outputs(lenet.bytes, feeds);
    const expected = answer(features, 84, head);
    const found = await outputs(written, feeds);
    near(found.logits, expected.logits);
    near(found.distance, expected.distances);
  });

  test('can be run alone on the features', async () => {
    const written = headFile(lenet, head);
    const part = headPart(written, 84, ['logits', 'distance']);
    expect(part?.length).toBeLessThan(lenet.bytes.length / 4);
    const { [lenet.features]: features = new Float32Array() } = await outputs(lenet.bytes, feeds);
    const found = await outputs(part ?? new Uint8Array(), {
      [lenet.features]: new Tensor('float32', features, [3, 84]),
    });
    expect(found).toEqual(await outputs(written, feeds));
  });

  test('is far from everything known where there are no features', async () => {
    const part = headPart(headFile(lenet, head), 84, ['distance']) ?? new Uint8Array();
    const found = await outputs(part, { [lenet.features]: new Tensor('float32', new Float32Array(84), [1, 84]) });
    expect(found.distance).toEqual(Float32Array.of(1));
  });

  test('replaces another one', () => {
    const second = headFile(cutOf(headFile(lenet, head), 'logits'), {
      ...head,
      hidden: undefined,
      weights: noise(336),
    });
    expect(Buffer.compare(cutOf(second, 'logits').bytes, lenet.bytes)).toBe(0);
  });

  test('with weights of other sizes is refused', () => {
    expect(() => headFile(lenet, { ...head, bias: noise(5) })).toThrow(RangeError);
    expect(() => headFile(lenet, { ...head, known: noise(85) })).toThrow(RangeError);
  });
});

describe('small networks', () => {
  const [FLOAT, INT64] = [1, 7];
  const bytesOf = (values: Float32Array) => new Uint8Array(values.buffer);
  const x = value(11, 'x', FLOAT, ['N', 4]);
  const y = value(12, 'y', FLOAT, ['N', 2]);
  const weights = tensor('w', FLOAT, [4, 2], bytesOf(noise(8)));
  const square = tensor('s', FLOAT, [4, 4], bytesOf(noise(16, 7)));

  test('with external data have it in their backbone', async () => {
    const graph = (stored: ReturnType<typeof tensor>) =>
      modelOf([node('MatMul', ['x', 's'], ['h']), node('MatMul', ['h', 'w'], ['y']), stored, weights, x, y]);
    const entry = (key: string, text: string): [number, [number, string][]] => [
      13,
      [
        [1, key],
        [2, text],
      ],
    ];
    const outside: ReturnType<typeof tensor> = [
      5,
      [
        [1, 4],
        [1, 4],
        [2, FLOAT],
        [8, 's'],
        entry('location', 'data.bin'),
        entry('offset', '8'),
        entry('length', '64'),
        [14, 1],
      ],
    ];
    const data = Buffer.concat([Buffer.alloc(8), bytesOf(noise(16, 7)), Buffer.alloc(3)]);
    const found = backboneOf(graph(outside), 'y', [{ path: 'data.bin', data }]);
    const feeds = { x: pictureOf([2, 4]) };
    const inside = cutOf(graph(square), 'y');
    expect(await outputs(found?.bytes ?? new Uint8Array(), feeds)).toEqual(await outputs(inside.bytes, feeds));
    for (const external of [[], [{ path: 'data.bin', data: data.subarray(0, 71) }]]) {
      expect(() => backboneOf(graph(outside), 'y', external)).toThrow('External data of "s" is missing or too short.');
    }
  });

  test.each<[string, Parameters<typeof modelOf>[0]]>([
    ['that branch after their last layer', [node('MatMul', ['h', 's'], ['a']), node('Add', ['a', 'h'], ['y'])]],
    ['whose last layer has no stored weights', [node('MatMul', ['h', 'h'], ['y'])]],
    ['with an operator that is not known', [node('MatMul', ['h', 's'], ['a']), node('TopK', ['a', 'k'], ['y', 'i'])]],
    ['whose weights have no stated shape', [node('Transpose', ['s'], ['t']), node('MatMul', ['h', 't'], ['y'])]],
  ])('%s have no backbone', (_, rest) => {
    const one = tensor('k', INT64, [1], new Uint8Array(BigInt64Array.of(1n).buffer));
    const bytes = modelOf([node('Relu', ['x'], ['h']), ...rest, square, one, x, y]);
    expect(backboneOf(bytes, 'y')).toBeUndefined();
    expect(featureOutput(readModel(bytesInMemory(bytes)), 'y')).toBeUndefined();
  });

  test('that are one layer have no backbone: their features would be the picture', () => {
    expect(backboneOf(modelOf([node('MatMul', ['x', 'w'], ['y']), weights, x, y]), 'y')).toBeUndefined();
  });

  test('of float16 give float32 features', async () => {
    const half = [node('Cast', ['x'], ['h'], [integer('to', 10)]), node('MatMul', ['h', 'w'], ['y'])];
    const stored = tensor('w', 10, [4, 2], new Uint8Array(16));
    const { bytes } = cutOf(modelOf([...half, stored, x, value(12, 'y', 10, ['N', 2])]), 'y');
    const found = await outputs(bytes, { x: new Tensor('float32', Float32Array.of(1, 2, 0.5, -1), [1, 4]) });
    expect(found['menagerie/features']).toEqual(Float32Array.of(1, 2, 0.5, -1));
  });

  test('with a tensor of the name of an output of the head are refused', () => {
    const bytes = modelOf([node('Relu', ['x'], ['logits']), node('MatMul', ['logits', 'w'], ['y']), weights, x, y]);
    const head = { classes: 2, weights: noise(8), bias: noise(2) };
    expect(() => headFile(cutOf(bytes, 'y'), head)).toThrow('has a tensor "logits" already');
  });
});

const assets = assetsDir();
test.skipIf(!assets)('the sizes of real networks: of an older format, with codebooks, quantised', () => {
  for (const [file, size] of [
    ['models/mnist-12.onnx', 256],
    ['models/mobilenetv2.onnx', 1280],
    ['models/resnet18-int8.onnx', 512],
    ['models/resnet50.onnx', 2048],
    ['models/squeezenet1.1.onnx', 512],
    ['onnx-light/inception_v1.onnx', 1024],
    ['onnx-light/densenet121.onnx', 1024],
  ] as const) {
    const bytes = new Uint8Array(readFileSync(join(assets ?? '', file)));
    const model = readModel(bytesInMemory(bytes));
    const [output] = model.outputs;
    expect([file, featureOutput(model, output?.name ?? '')?.size]).toEqual([file, size]);
  }
});
