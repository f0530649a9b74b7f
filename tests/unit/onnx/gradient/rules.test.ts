import { InferenceSession, type Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { at } from '../../../../src/core/at.js';
import { bytesInMemory } from '../../../../src/core/byte-source.js';
import { countOf } from '../../../../src/core/shape.js';
import { graphOutput } from '../../../../src/onnx/file/graph-output.js';
import { GraphWriter } from '../../../../src/onnx/file/graph-writer.js';
import { readModel } from '../../../../src/onnx/file/model.js';
import { RULES } from '../../../../src/onnx/gradient/rules/rules.js';
import { type TailCut, trunkOf } from '../../../../src/onnx/gradient/tail.js';
import { knowledgeOf } from '../../../../src/onnx/gradient/tail-graph.js';
import { Tape } from '../../../../src/onnx/gradient/tape.js';
import { writeTail } from '../../../../src/onnx/gradient/write-tail.js';
import { floats, noise, observe, runOnce } from '../../../support/graphs.js';
import { onnxFileOf, type WrittenConstant, type WrittenNode } from '../../../support/onnx-files.js';

// Each operator's gradient against central differences: of the sum of its outputs, each times a number, by every value of its input
// and its weights. What is differentiated must equal what the runtime makes of the operator as the file has it.

/** A power of 2, so that it changes values exactly. */
const STEP = 1 / 64;
const TOLERANCE = 2e-4;
const ROWS = 2;

interface Case {
  name: string;
  opset?: number;
  /** Of one picture. */
  dims?: number[];
  /** From `x` to `y`. */
  nodes: WrittenNode[];
  constants?: Record<string, WrittenConstant>;
}

const random = (seed: number, ...dims: number[]) => {
  return { dims, values: Array.from(noise(seed, countOf(dims)), (value) => 2 * value - 1) };
};
const one = (operator: string, attributes: WrittenNode[3] = {}, ...constants: string[]): WrittenNode[] => [
  [operator, ['x', ...constants], ['y'], attributes],
];
const conv = (name: string, w: number[], attributes: WrittenNode[3] = {}, dims = [4, 6, 5]): Case => {
  return {
    name: `Conv ${name}`,
    dims,
    nodes: one('Conv', attributes, 'w', 'b'),
    constants: { w: random(5, ...w), b: random(6, w[0] ?? 0) },
  };
};
const pool = (operator: string, name: string, attributes: WrittenNode[3], dims = [2, 7, 6], opset = 17): Case => {
  return { name: `${operator} ${name}`, opset, dims, nodes: one(operator, attributes) };
};
const [window3, window2] = [{ kernel_shape: [3, 3] }, { kernel_shape: [2, 2] }];

const CASES: Case[] = [
  conv('with padding', [3, 4, 3, 3], { pads: [1, 1, 1, 1] }),
  conv('without', [3, 4, 3, 3]),
  conv('of stride 2', [3, 4, 3, 3], { strides: [2, 2], pads: [1, 1, 1, 1] }),
  conv('of stride 2 that leaves values over', [3, 4, 2, 2], { strides: [2, 3] }),
  conv('with dilation', [3, 4, 3, 2], { dilations: [2, 3], pads: [1, 1, 1, 1] }),
  conv('with dilation and stride', [3, 4, 2, 2], { dilations: [2, 1], strides: [2, 2], pads: [1, 0, 1, 0] }),
  conv('with padding on some sides', [3, 4, 3, 3], { pads: [0, 1, 2, 1] }),
  conv('with more padding than the kernel reaches', [3, 4, 1, 3], { pads: [1, 3, 0, 3] }),
  conv('SAME_UPPER', [3, 4, 3, 2], { auto_pad: 'SAME_UPPER', strides: [2, 2] }),
  conv('SAME_LOWER', [3, 4, 2, 4], { auto_pad: 'SAME_LOWER', strides: [1, 2] }),
  conv('VALID', [3, 4, 3, 3], { auto_pad: 'VALID' }),
  conv('1x1', [3, 4, 1, 1]),
  conv('1x1 of stride 2', [3, 4, 1, 1], { strides: [2, 2] }),
  conv('in groups', [6, 2, 3, 3], { group: 2, pads: [1, 1, 1, 1] }),
  conv('in groups of stride 2', [6, 2, 3, 3], { group: 2, strides: [2, 2], pads: [1, 1, 1, 1] }),
  conv('1x1 in groups', [4, 2, 1, 1], { group: 2 }),
  conv('depthwise', [4, 1, 3, 3], { group: 4, pads: [1, 1, 1, 1] }),
  conv('depthwise of stride 2', [4, 1, 5, 5], { group: 4, strides: [2, 2], pads: [2, 2, 2, 2] }),
  conv('depthwise with two filters a channel', [8, 1, 3, 3], { group: 4, pads: [1, 0, 1, 0] }),
  { name: 'Conv without bias', dims: [2, 4, 4], nodes: one('Conv', {}, 'w'), constants: { w: random(5, 3, 2, 2, 2) } },
  {
    name: 'Conv with batch normalisation folded in',
    dims: [2, 5, 5],
    nodes: [
      ['Conv', ['x', 'w', 'b'], ['c'], { group: 2, pads: [1, 1, 0, 0] }],
      ['BatchNormalization', ['c', 'scale', 'shift', 'mean', 'variance'], ['y'], { epsilon: { float: 0.01 } }],
    ],
    constants: {
      ...{ w: random(5, 4, 1, 2, 2), b: random(6, 4), scale: random(7, 4), shift: random(8, 4), mean: random(9, 4) },
      variance: { dims: [4], values: [0.5, 1, 2, 3] },
    },
  },
  {
    name: 'BatchNormalization after a Concat',
    dims: [2, 3, 3],
    nodes: [
      ['Relu', ['x'], ['r']],
      ['Concat', ['x', 'r'], ['c'], { axis: 1 }],
      ['BatchNormalization', ['c', 'scale', 'shift', 'mean', 'variance'], ['y'], {}],
    ],
    constants: {
      ...{ scale: random(7, 4), shift: random(8, 4), mean: random(9, 4) },
      variance: { dims: [4], values: [0.5, 1, 2, 3] },
    },
  },
  { name: 'Relu', nodes: one('Relu') },
  { name: 'LeakyRelu', nodes: one('LeakyRelu', { alpha: { float: 0.1 } }) },
  { name: 'Clip by attributes', opset: 10, nodes: one('Clip', { min: { float: -0.5 }, max: { float: 1 } }) },
  {
    name: 'Clip by inputs',
    nodes: one('Clip', {}, 'low', 'high'),
    constants: { low: { dims: [], values: [0] }, high: { dims: [], values: [1.5] } },
  },
  { name: 'Clip from above', nodes: one('Clip', {}, '', 'high'), constants: { high: { dims: [], values: [0.5] } } },
  { name: 'Sigmoid', nodes: one('Sigmoid') },
  { name: 'Tanh', nodes: one('Tanh') },
  { name: 'HardSigmoid', nodes: one('HardSigmoid', { alpha: { float: 0.25 }, beta: { float: 0.5 } }) },
  { name: 'HardSwish', dims: [3, 6, 6], nodes: one('HardSwish') },
  pool('MaxPool', '2x2', { ...window2, strides: [2, 2] }),
  pool('MaxPool', 'overlapping', { ...window3, strides: [2, 2], pads: [1, 1, 1, 1] }),
  pool('MaxPool', 'of stride 1', { ...window3, pads: [1, 1, 1, 1] }),
  pool('MaxPool', 'with ceil_mode', { ...window3, strides: [2, 2], ceil_mode: 1 }, [2, 6, 8]),
  pool('MaxPool', 'with dilation', { ...window2, dilations: [2, 3] }),
  pool('MaxPool', 'SAME_UPPER', { ...window2, strides: [2, 2], auto_pad: 'SAME_UPPER' }),
  pool('AveragePool', '2x2', { ...window2, strides: [2, 2] }),
  pool('AveragePool', 'without the padding', { ...window3, strides: [2, 2], pads: [1, 1, 1, 1] }),
  pool('AveragePool', 'with the padding', { ...window3, strides: [2, 1], pads: [1, 1, 0, 1], count_include_pad: 1 }),
  pool('AveragePool', 'with ceil_mode', { ...window3, strides: [2, 2], ceil_mode: 1 }, [2, 6, 8]),
  pool(
    'AveragePool',
    'with ceil_mode and the padding',
    {
      ...{ ...window3, strides: [2, 2], pads: [1, 1, 1, 1], ceil_mode: 1, count_include_pad: 1 },
    },
    [2, 6, 8],
    19,
  ),
  pool('AveragePool', 'SAME_LOWER', { ...window2, strides: [2, 2], auto_pad: 'SAME_LOWER' }),
  pool('AveragePool', 'with dilation', { ...window2, dilations: [2, 3] }, [2, 7, 6], 19),
  { name: 'GlobalAveragePool', nodes: one('GlobalAveragePool') },
  { name: 'ReduceMean by an attribute', opset: 13, nodes: one('ReduceMean', { axes: [2, 3], keepdims: 0 }) },
  { name: 'ReduceMean by an input', opset: 18, nodes: one('ReduceMean', {}, 'axes'), constants: { axes: [-1n, 1n] } },
  { name: 'Flatten', nodes: one('Flatten', { axis: 1 }) },
  { name: 'Reshape', nodes: one('Reshape', {}, 'shape'), constants: { shape: [0n, 2n, -1n] } },
  {
    name: 'Reshape by a shape that is computed',
    nodes: [
      ['Shape', ['x'], ['s']],
      ['Gather', ['s', 'first'], ['n'], { axis: 0 }],
      ['Concat', ['n', 'rest'], ['shape'], { axis: 0 }],
      ['Reshape', ['x', 'shape'], ['y']],
    ],
    constants: { first: [0n], rest: [-1n] },
  },
  {
    name: 'Squeeze and Unsqueeze by attributes',
    opset: 11,
    nodes: [
      ['ReduceMean', ['x'], ['m'], { axes: [2] }],
      ['Squeeze', ['m'], ['s'], { axes: [2] }],
      ['Unsqueeze', ['s'], ['y'], { axes: [1] }],
    ],
  },
  {
    name: 'Squeeze and Unsqueeze by inputs',
    nodes: [
      ['ReduceMean', ['x'], ['m'], { axes: [2] }],
      ['Squeeze', ['m', 'two'], ['s']],
      ['Unsqueeze', ['s', 'one'], ['y']],
    ],
    constants: { one: [1n], two: [2n] },
  },
  { name: 'Transpose', nodes: one('Transpose', { perm: [0, 2, 3, 1] }) },
  {
    name: 'a shuffle of channels',
    dims: [6, 2, 3],
    nodes: [
      ['Reshape', ['x', 'apart'], ['r']],
      ['Transpose', ['r'], ['t'], { perm: [0, 2, 1, 3, 4] }],
      ['Reshape', ['t', 'together'], ['y']],
    ],
    constants: { apart: [-1n, 2n, 3n, 2n, 3n], together: [-1n, 6n, 2n, 3n] },
  },
  {
    name: 'Concat',
    nodes: [
      ['Sigmoid', ['x'], ['s']],
      ['Concat', ['s', 'x', 's'], ['y'], { axis: -1 }],
    ],
  },
  {
    name: 'Split by an attribute',
    opset: 11,
    dims: [5, 2, 2],
    nodes: [
      ['Split', ['x'], ['a', 'b'], { axis: 1, split: [2, 3] }],
      ['Relu', ['a'], ['r']],
      ['Concat', ['b', 'r'], ['y'], { axis: 1 }],
    ],
  },
  {
    name: 'Split of which a part is not used',
    dims: [4, 2, 2],
    nodes: [['Split', ['x', 'sizes'], ['a', 'y', 'b'], { axis: 1 }]],
    constants: { sizes: [1n, 2n, 1n] },
  },
  { name: 'Slice by attributes', opset: 9, nodes: one('Slice', { axes: [1, 3], starts: [1, 0], ends: [9, -1] }) },
  {
    name: 'Slice with steps',
    dims: [2, 7, 6],
    nodes: one('Slice', {}, 'starts', 'ends', 'axes', 'steps'),
    constants: { starts: [1n, -1n], ends: [7n, -9n], axes: [2n, 3n], steps: [2n, -2n] },
  },
  { name: 'Pad by an attribute', opset: 10, nodes: one('Pad', { pads: [0, 1, 0, 0, 0, 2, 0, 1] }) },
  {
    name: 'Pad by inputs',
    nodes: one('Pad', {}, 'pads', 'value'),
    constants: { pads: [0n, 1n, 0n, -1n, 0n, 0n, 2n, 0n], value: { dims: [], values: [0.5] } },
  },
  { name: 'Add of a constant', nodes: one('Add', {}, 'c'), constants: { c: random(5, 3, 1, 1) } },
  { name: 'Sub from a constant', nodes: [['Sub', ['c', 'x'], ['y']]], constants: { c: random(5, 1, 4) } },
  { name: 'Mul by a constant', nodes: one('Mul', {}, 'c'), constants: { c: random(5, 3, 1, 1) } },
  { name: 'Div by a constant', nodes: one('Div', {}, 'c'), constants: { c: { dims: [], values: [1.5] } } },
  {
    name: 'Add, Sub and Sum of branches',
    nodes: [
      ['Sigmoid', ['x'], ['s']],
      ['Tanh', ['x'], ['t']],
      ['Add', ['x', 's'], ['a']],
      ['Sub', ['t', 'a'], ['b']],
      ['Sum', ['a', 'b', 's'], ['y']],
    ],
  },
  {
    name: 'Mul by the means of channels',
    nodes: [
      ['GlobalAveragePool', ['x'], ['m']],
      ['Mul', ['m', 'x'], ['y']],
    ],
  },
  {
    name: 'Gemm with transposed weights',
    dims: [5],
    nodes: one('Gemm', { transB: 1, alpha: { float: 0.5 }, beta: { float: 2 } }, 'w', 'b'),
    constants: { w: random(5, 3, 5), b: random(6, 3) },
  },
  {
    name: 'Gemm with one bias for all',
    dims: [5],
    nodes: one('Gemm', {}, 'w', 'b'),
    constants: { w: random(5, 5, 3), b: random(6, 1, 1) },
  },
  { name: 'MatMul', dims: [5], nodes: one('MatMul', {}, 'w'), constants: { w: random(5, 5, 3) } },
  { name: 'MatMul at every place', dims: [2, 3, 5], nodes: one('MatMul', {}, 'w'), constants: { w: random(5, 5, 3) } },
  {
    name: 'Identity, Dropout and Cast',
    nodes: [
      ['Identity', ['x'], ['i']],
      ['Dropout', ['i'], ['d']],
      ['Sigmoid', ['d'], ['s']],
      ['Cast', ['s'], ['y'], { to: 1 }],
    ],
  },
];

describe.each(CASES)('$name', (each) => {
  test('has the gradient of what it computes', async () => {
    const { dims = [3, 4, 4] } = each;
    const file = await networkOf(each);
    const cut: TailCut = { depth: 'stage', tensor: 'x', dims, output: 'logits', weights: 0, frozen: [] };
    const observed = await observe(file, cut);
    const graph = new GraphWriter();
    const tape = new Tape(graph);
    const known = knowledgeOf(cut, observed);
    const activations = graph.input('activations', ['N', ...dims]);
    const trunk = trunkOf(readModel(bytesInMemory(file)), cut.output);
    const tail = writeTail(graph, tape, activations, trunk, cut, known);
    const size = countOf(known(trunk.features)?.dims ?? []);
    const factors = graph.input('factors', ['N', size]);
    const gradients = tape.gradients(tail.features, factors);
    const names = ['activations', ...tail.weights.map(({ name }) => name)];
    graph.output('features', tail.features);
    for (const name of names) graph.output(`gradient/${name}`, gradients.get(name) ?? '');

    const feeds: Record<string, Tensor> = {
      activations: floats(spaced(ROWS * countOf(dims)), [ROWS, ...dims]),
      factors: floats(
        Array.from(noise(2, ROWS * size), (value) => 2 * value - 1),
        [ROWS, size],
      ),
      ...Object.fromEntries(tail.weights.map(({ name, values, dims }) => [name, floats(values, dims)])),
    };
    const session = await InferenceSession.create(graph.bytes(), { intraOpNumThreads: 1, logSeverityLevel: 3 });
    const answers = await session.run(feeds);
    const served = Buffer.concat([file, graphOutput('features')]);
    const { features } = await runOnce(served, { x: feeds.activations as Tensor });
    expect(furthest(valuesOf(answers.features), valuesOf(features))).toBeLessThan(1e-5);

    const objective = async () => {
      const { features } = await session.run(feeds, ['features']);
      const weights = valuesOf(feeds.factors);
      return valuesOf(features).reduce((sum, value, i) => sum + value * at(weights, i), 0);
    };
    for (const name of names) {
      const values = valuesOf(feeds[name]);
      const differences = new Float64Array(values.length);
      for (let i = 0; i < values.length; i++) {
        const value = at(values, i);
        values[i] = value + STEP;
        const above = await objective();
        values[i] = value - STEP;
        differences[i] = (above - (await objective())) / (2 * STEP);
        values[i] = value;
      }
      const gradient = answers[`gradient/${name}`];
      expect(gradient?.dims, name).toEqual(feeds[name]?.dims);
      const largest = Math.max(...differences.map(Math.abs));
      expect(largest, name).toBeGreaterThan(0);
      expect(furthest(valuesOf(gradient), differences) / largest, name).toBeLessThan(TOLERANCE);
    }
    await session.release();
  });
});

test('every rule is tried', () => {
  const tried = new Set(CASES.flatMap(({ nodes }) => nodes.map(([operator]) => operator)));
  expect([...RULES.keys()].filter((operator) => !tried.has(operator))).toEqual([]);
});

/** The layers of a case, and a classifier after them. */
async function networkOf({ opset = 17, dims = [3, 4, 4], nodes, constants = {} }: Case): Promise<Uint8Array> {
  const input = ['N', ...dims];
  const layers = onnxFileOf({ opset, input, nodes, constants, output: 'y' });
  const { y } = await runOnce(layers, { x: floats(new Float32Array(countOf(dims)), [1, ...dims]) });
  const size = countOf(y?.dims ?? []);
  return onnxFileOf({
    ...{ opset, input, output: 'logits' },
    nodes: [
      ...nodes,
      ['Flatten', ['y'], ['features'], { axis: 1 }],
      ['MatMul', ['features', 'classifier'], ['logits']],
    ],
    constants: { ...constants, classifier: random(9, size, 2) },
  });
}

/** Numbers that lie so far from each other, and from the places where activations bend, that a step does not cross any. */
function spaced(count: number): number[] {
  const order = Array.from(noise(1, count).entries()).sort(([, a], [, b]) => a - b);
  const values: number[] = [];
  order.forEach(([i], rank) => {
    values[i] = (rank - Math.floor(count / 2) + 0.5) / 16;
  });
  return values;
}

function furthest(values: Float32Array, others: ArrayLike<number>): number {
  expect(values.length).toBe(others.length);
  return values.reduce((worst, value, i) => Math.max(worst, Math.abs(value - at(others, i))), 0);
}

function valuesOf(tensor: Tensor | undefined): Float32Array {
  if (tensor?.data instanceof Float32Array) return tensor.data;
  throw new Error('the tensor is missing');
}
