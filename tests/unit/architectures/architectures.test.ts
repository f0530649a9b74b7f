import { createWriteStream, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { type BuiltNetwork, countParameters, type Graph, network } from '../../../src/architectures/builder.js';
import { ARCHITECTURES } from '../../../src/architectures/index.js';
import { onnxFile, toOnnx } from '../../../src/architectures/onnx-file.js';
import { bytesInMemory } from '../../../src/core/byte-source.js';
import { countOf } from '../../../src/core/shape.js';
import { readModel, UNTRAINED } from '../../../src/onnx/file/model.js';

const CONSTANT = { weights: 'constant' } as const;
const ids = Object.keys(ARCHITECTURES);

function build(id: string): BuiltNetwork {
  const architecture = ARCHITECTURES[id];
  if (architecture === undefined) throw new Error(`No architecture ${id}`);
  return architecture.build();
}

/** Multiply-accumulates of convolutions and fully connected layers. */
function macsOf(graph: Graph): number {
  let macs = 0;
  for (const { parameters, output } of graph.nodes) {
    const weight = parameters.find(({ role }) => role === 'weight');
    if (weight) macs += countOf(weight.shape) * countOf(output.shape.slice(1));
  }
  return macs;
}

/** Runs a graph and returns its outputs, by name. */
async function run(bytes: Uint8Array | string, { input }: Graph, batch = 1) {
  const options = { graphOptimizationLevel: 'disabled', enableCpuMemArena: false, intraOpNumThreads: 2 } as const;
  const session = await (typeof bytes === 'string'
    ? InferenceSession.create(bytes, options)
    : InferenceSession.create(bytes, options));
  try {
    const dims = [batch, ...input.shape];
    const data = Float32Array.from({ length: countOf(dims) }, (_, i) => Math.cos(i));
    return await session.run({ [input.name]: new Tensor('float32', data, dims) });
  } finally {
    await session.release();
  }
}

function valuesOf(tensor: Tensor | undefined): number[] {
  return [...((tensor?.data ?? []) as Float32Array)];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

// Height x width x channels, or features, as in shared/NETWORKS.md.
const SHAPES: Record<string, Record<string, string>> = {
  lenet5: {
    input: '32x32x1',
    c1: '28x28x6',
    s2: '14x14x6',
    c3: '10x10x16',
    s4: '5x5x16',
    s4_flat: '400',
    c5: '120',
    f6: '84',
    prob: '10',
  },
  alexnet: {
    input: '227x227x3',
    conv1: '55x55x96',
    pool1: '27x27x96',
    conv2: '27x27x256',
    pool2: '13x13x256',
    conv3: '13x13x384',
    conv4: '13x13x384',
    conv5: '13x13x256',
    pool5: '6x6x256',
    pool5_flat: '9216',
    fc6: '4096',
    fc7: '4096',
    prob: '1000',
  },
  vgg16: {
    conv1_1: '224x224x64',
    conv1_2: '224x224x64',
    pool1: '112x112x64',
    conv2_2: '112x112x128',
    pool2: '56x56x128',
    conv3_3: '56x56x256',
    pool3: '28x28x256',
    conv4_3: '28x28x512',
    pool4: '14x14x512',
    conv5_3: '14x14x512',
    pool5: '7x7x512',
    fc6: '4096',
    fc7: '4096',
    prob: '1000',
  },
  plain18: { plain5b_relu: '7x7x512' },
  plain34: { conv1: '112x112x64', pool1: '56x56x64', plain2c_relu: '56x56x64', plain5c_relu: '7x7x512' },
  resnet18: { res2b: '56x56x64', res3b: '28x28x128', res4b: '14x14x256', res5b: '7x7x512' },
  resnet34: { res2c: '56x56x64', res3d: '28x28x128', res4f: '14x14x256', res5c: '7x7x512' },
  resnet50: { res2c: '56x56x256', res3d: '28x28x512', res4f: '14x14x1024', res5c: '7x7x2048', pool5: '1x1x2048' },
  'network-in-network': { cccp2: '32x32x96', pool1: '16x16x96', pool2: '8x8x192', cccp6: '8x8x10', prob: '10' },
  'one-by-one': { input: '28x28x192', conv1x1: '28x28x32' },
  'inception-module': {
    input: '28x28x192',
    'inception_3a/1x1': '28x28x64',
    'inception_3a/3x3': '28x28x128',
    'inception_3a/5x5_reduce': '28x28x16',
    'inception_3a/5x5': '28x28x32',
    'inception_3a/pool_proj': '28x28x32',
    'inception_3a/output': '28x28x256',
  },
  'inception-5x5': { '5x5': '28x28x32' },
  'inception-5x5-bottleneck': { '5x5_reduce': '28x28x16', '5x5': '28x28x32' },
  googlenet: {
    'conv1/7x7_s2': '112x112x64',
    'pool1/3x3_s2': '56x56x64',
    'conv2/3x3': '56x56x192',
    'pool2/3x3_s2': '28x28x192',
    'inception_3a/output': '28x28x256',
    'inception_3b/output': '28x28x480',
    'inception_4a/output': '14x14x512',
    'inception_4d/output': '14x14x528',
    'inception_4e/output': '14x14x832',
    'inception_5b/output': '7x7x1024',
    'loss1/ave_pool': '4x4x512',
    'loss2/ave_pool': '4x4x528',
    'loss1/prob': '1000',
    'loss2/prob': '1000',
    prob: '1000',
  },
};

describe.each(ids)('%s', (id) => {
  test('runs with constant weights, and every tensor has the shape told and published', {
    timeout: 120_000,
  }, async () => {
    const graph = build(id);
    const tensors = graph.nodes.map(({ output }) => output);
    const results = await run(toOnnx({ ...pick(graph), outputs: tensors }, CONSTANT), graph);
    for (const { name, shape } of tensors) expect([name, results[name]?.dims]).toEqual([name, [1, ...shape]]);

    const published = SHAPES[id] ?? {};
    expect(Object.keys(published).length).toBeGreaterThan(0);
    const papers = [graph.input, ...tensors].map(({ name, shape }) => [name, [...shape.slice(1), shape[0]].join('x')]);
    expect(Object.fromEntries(papers)).toMatchObject(published);

    for (const { name } of graph.outputs.filter(({ name }) => name.endsWith('prob'))) {
      expect(sum(valuesOf(results[name]))).toBeCloseTo(1, 4);
    }
  });

  test('is marked untrained, and small', () => {
    const graph = build(id);
    const bytes = toOnnx(graph, CONSTANT);
    expect(bytes.length).toBeLessThan(64 * 1024);
    expect(Buffer.from(bytes).includes(UNTRAINED.key)).toBe(true);
    const model = readModel(bytesInMemory(bytes));
    expect(model).toMatchObject({ irVersion: 8, opsets: { '': 17 }, producer: 'menagerie', name: id });
    expect(model.inputs.map(({ dims }) => dims)).toEqual([['N', ...graph.input.shape]]);
    expect(model.outputs.map(({ name, dims }) => [name, dims])).toEqual(
      graph.outputs.map(({ name, shape }) => [name, ['N', ...shape]]),
    );
  });
});

/** The parts of a graph as plain properties. */
function pick({ name, input, nodes }: Graph) {
  return { name, input, nodes };
}

test.each([
  ['lenet5', 61_706, 0],
  ['alexnet', 62_378_344, 0],
  ['vgg16', 138_357_544, 0],
  // ResNets without their three projections, 172,032 weights and 1,792 scales and shifts.
  ['plain18', 11_689_512 - 173_824, 7_808],
  ['plain34', 21_797_672 - 173_824, 15_232],
  ['resnet18', 11_689_512, 9_600],
  ['resnet34', 21_797_672, 17_024],
  ['resnet50', 25_557_032, 53_120],
  ['network-in-network', 966_986, 0],
  ['one-by-one', 6_176, 0],
  ['inception-module', 163_696, 0],
  ['googlenet', 13_378_280, 0],
])('%s has %i parameters and %i running statistics', (id, trained, statistics) => {
  expect(countParameters(build(id))).toEqual({ trained, statistics });
});

test.each([
  ['lenet5', 416_520],
  ['alexnet', 1_135_256_096],
  ['vgg16', 15_470_264_320],
  ['resnet18', 1_814_073_344],
  ['resnet34', 3_663_761_408],
  ['resnet50', 4_089_184_256],
  ['inception-5x5', 120_422_400],
  ['inception-5x5-bottleneck', 2_408_448 + 10_035_200],
])('%s takes %i multiply-accumulates', (id, macs) => {
  expect(macsOf(build(id))).toBe(macs);
});

test("GoogLeNet's auxiliary heads are its second and third output", () => {
  const graph = build('googlenet');
  expect(graph.outputs.map(({ name }) => name)).toEqual(['prob', 'loss1/prob', 'loss2/prob']);
  const main = graph.nodes.filter(({ output }) => !/^loss[12]/.test(output.name));
  expect(countParameters({ ...pick(graph), outputs: graph.outputs, nodes: main }).trained).toBe(6_998_552);
});

describe('random weights', () => {
  const graph = build('lenet5');

  test('are the same for a seed, and others for another', () => {
    const bytes = toOnnx(graph, { weights: 'random', seed: 7 });
    expect(Buffer.compare(bytes, toOnnx(graph, { weights: 'random', seed: 7 }))).toBe(0);
    expect(Buffer.compare(bytes, toOnnx(graph, { weights: 'random', seed: 8 }))).not.toBe(0);
    expect(Buffer.from(bytes).includes(UNTRAINED.key)).toBe(true);
  });

  test('are spread as He initialisation asks', () => {
    const wide = network('wide', { channels: 64, height: 8, width: 8 });
    wide.output(wide.conv(wide.input, { name: 'conv', filters: 256, kernel: 3, bias: false }));
    const bytes = Buffer.from(toOnnx(wide, { weights: 'random', seed: 1 }));
    const count = 256 * 64 * 9;
    const start = bytes.length - 4 * count;
    const values = Array.from({ length: count }, (_, i) => bytes.readFloatLE(start + 4 * i));
    const mean = sum(values) / count;
    const variance = sum(values.map((value) => value * value)) / count - mean * mean;
    expect(Math.abs(mean)).toBeLessThan(1e-3);
    expect(Math.sqrt(variance) / Math.sqrt(2 / 576)).toBeCloseTo(1, 2);
  });

  test('go to a file in pieces, which runs, for any batch', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'architectures-'));
    try {
      const path = join(folder, 'lenet5.onnx');
      const file = onnxFile(graph, { weights: 'random', seed: 7 });
      await pipeline(Readable.from(file.chunks()), createWriteStream(path));
      expect(statSync(path).size).toBe(file.length);
      expect(Buffer.compare(readFileSync(path), toOnnx(graph, { weights: 'random', seed: 7 }))).toBe(0);
      const { prob } = await run(path, graph, 3);
      expect(prob?.dims).toEqual([3, 10]);
      const first = valuesOf(prob).slice(0, 10);
      expect(sum(first)).toBeCloseTo(1, 5);
      expect(new Set(first).size).toBe(10);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test('of ResNet-50 lie in a file with names and shapes of all parameters', { timeout: 60_000 }, async () => {
    const resnet = build('resnet50');
    const bytes = toOnnx(resnet, { weights: 'random', seed: 1 });
    const { initializers } = readModel(bytesInMemory(bytes));
    const parameters = resnet.nodes.flatMap((node) => node.parameters);
    expect([...initializers.values()].map(({ name, dims }) => [name, dims])).toEqual(
      parameters.map(({ name, shape }) => [name, shape]),
    );
    const { prob } = await run(bytes, resnet);
    expect(sum(valuesOf(prob))).toBeCloseTo(1, 4);
  });

  test("of VGG-16 come in small pieces of the file's length", () => {
    const { length, chunks } = onnxFile(build('vgg16'), { weights: 'random', seed: 1 });
    expect(length).toBeGreaterThan(4 * 138_357_544);
    expect(length).toBeLessThan(4 * 138_357_544 + 16 * 1024);
    let seen = 0;
    for (const chunk of chunks()) {
      expect(chunk.length).toBeLessThanOrEqual(256 * 1024);
      seen += chunk.length;
      if (seen > 8 * 1024 * 1024) break;
    }
  });
});

describe('the builder refuses', () => {
  const start = () => network('wrong', { channels: 3, height: 8, width: 8 });
  test.each<[string, (g: BuiltNetwork) => void, RegExp]>([
    ['two layers of one name', (g) => g.relu(g.relu(g.input, { name: 'r' }), { name: 'r' }), /two layers r/],
    ['sums of unlike shapes', (g) => g.add(g.input, g.flatten(g.input), { name: 'sum' }), /differ/],
    ['windows larger than the picture', (g) => g.maxPool(g.input, { name: 'p', kernel: 9 }), /larger/],
    ['fully connected layers on planes', (g) => g.dense(g.input, { name: 'fc', units: 2 }), /flatten input/],
    ['convolutions of flat tensors', (g) => g.conv(g.flatten(g.input), { name: 'c', filters: 1, kernel: 1 }), /flat/],
  ])('%s', (_what, wrong, message) => {
    expect(() => wrong(start())).toThrow(message);
  });
});
