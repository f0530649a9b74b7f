import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { alexnet } from '../../../../src/architectures/alexnet.js';
import { toOnnx } from '../../../../src/architectures/onnx-file.js';
import { bytesInMemory } from '../../../../src/core/byte-source.js';
import { readModel } from '../../../../src/onnx/file/model.js';
import type { TailCut, TailDepth } from '../../../../src/onnx/gradient/tail.js';
import { tailCuts } from '../../../../src/onnx/gradient/tail-cuts.js';
import { tailProbe } from '../../../../src/onnx/gradient/tail-probe.js';
import { shapesOf } from '../../../support/graphs.js';
import { onnxFileOf, type WrittenConstant, type WrittenNode } from '../../../support/onnx-files.js';

const bundled = (name: string) =>
  readFileSync(fileURLToPath(new URL(`../../../../models/${name}.onnx`, import.meta.url)));

async function cutsOf(bytes: Uint8Array, depths: TailDepth[] = ['last-block', 'stage']) {
  const model = readModel(bytesInMemory(bytes));
  return tailCuts(model, await shapesOf(bytes), model.outputs[0]?.name ?? '', depths);
}

// Layers and weights counted by hand from the networks' tables.
describe.each<[file: string, lastBlock: [string, number[], number], stage: [string, number[], number]]>([
  [
    'cifar10-resnet20/cifar10-resnet20',
    ['stage3.block2.relu2', [64, 8, 8], 2 * (9 * 64 * 64 + 64)],
    ['stage2.block3.relu2', [32, 16, 16], 9 * 32 * 64 + 5 * 9 * 64 * 64 + 32 * 64 + 7 * 64],
  ],
  [
    'cifar10-nin/cifar10-nin',
    ['block3.relu1', [128, 8, 8], 128 * 128 + 128],
    ['block2.pool', [112, 8, 8], 9 * 112 * 128 + 128 * 128 + 2 * 128],
  ],
  // Its last stage is one block, and the pooling before it has nothing to train.
  ['cifar10-inception/cifar10-inception', ['pool4', [288, 4, 4], 204_344], ['pool4', [288, 4, 4], 204_344]],
  // After its last block come layers with weights. Its stage begins inside a block without a sum, which is trained whole.
  [
    'efficientnet-lite0/efficientnet-lite0',
    ['stage6.4.add', [192, 7, 7], 1152 * (192 + 9 + 320 + 2) + 320 + 1280 * 321],
    ['stage5.3.add', [112, 14, 14], 2_657_312],
  ],
  [
    'cifar10-vgg16/cifar10-vgg16',
    ['block5.relu2', [112, 2, 2], 9 * 112 * 112 + 112],
    ['block4.pool', [112, 2, 2], 3 * (9 * 112 * 112 + 112)],
  ],
  ['lenet5/lenet5', ['relu_fc1', [120], 120 * 84 + 84], ['flatten', [400], 400 * 120 + 120 + 120 * 84 + 84]],
])('%s', (file, lastBlock, stage) => {
  test('is cut before its last block and its last stage', async () => {
    const found = await cutsOf(bundled(file));
    expect(found.map(({ tensor, dims, weights }) => [tensor, dims, weights])).toEqual([lastBlock, stage]);
    expect(found.flatMap(({ frozen }) => frozen)).toEqual([]);
  });
});

test('large fully connected layers stay as they are', async () => {
  const file = toOnnx(alexnet.build(), { weights: 'constant' });
  const [lastBlock, stage] = await cutsOf(file);
  const frozen = [
    { layer: 'fc6', weights: 9216 * 4096 },
    { layer: 'fc7', weights: 4096 * 4096 },
  ];
  expect(lastBlock).toMatchObject({ tensor: 'conv4_relu', weights: 9 * 384 * 256 + 256, frozen });
  expect(stage).toMatchObject({ tensor: 'pool2', frozen });
});

const w = (...dims: number[]): WrittenConstant => ({ dims, values: Array(dims.reduce((a, b) => a * b)).fill(0.1) });
const CONSTANTS = { w1: w(4, 3, 3, 3), w2: w(4, 4, 1, 1), w3: w(4, 4, 1, 1), w4: w(5, 4), one: w(1) };

/** A network with an operator between its convolutions. */
function withLayer(layers: WrittenNode[], constants: Record<string, WrittenConstant> = {}, output = 'logits') {
  const nodes: WrittenNode[] = [
    ['Conv', ['x', 'w1'], ['a'], { strides: [2, 2] }],
    ['Conv', ['a', 'w2'], ['b']],
    ...layers,
    ['Conv', ['c', 'w3'], ['d']],
    ['GlobalAveragePool', ['d'], ['e']],
    ['Flatten', ['e'], ['f']],
    ['Gemm', ['f', 'w4'], ['logits'], { transB: 1 }],
  ];
  return onnxFileOf({ opset: 13, input: ['N', 3, 9, 9], nodes, constants: { ...CONSTANTS, ...constants }, output });
}

test('a tail begins after local response normalisation', async () => {
  const [cut] = await cutsOf(withLayer([['LRN', ['b'], ['c'], { size: 3 }]]), ['stage']);
  expect(cut).toMatchObject({ tensor: 'c', dims: [4, 4, 4], weights: 16 });
});

describe('what has no gradient is refused by its name', () => {
  test.each<[what: string, layers: WrittenNode[], message: RegExp, constants?: Record<string, WrittenConstant>]>([
    [
      'an operator without a rule',
      [['Softplus', ['b'], ['c']]],
      /layer "Softplus_\d+" \(Softplus\) has an operator without a gradient/,
    ],
    [
      'pictures that are mixed',
      [
        ['Transpose', ['b'], ['t'], { perm: [1, 0, 2, 3] }],
        ['Transpose', ['t'], ['c'], { perm: [1, 0, 2, 3] }],
      ],
      /\(Transpose\) does not keep the pictures of a batch apart/,
    ],
    [
      'a divisor that depends on the picture',
      [['Div', ['b', 'b'], ['c']]],
      /\(Div\) .*: its divisor depends on the picture/,
    ],
    [
      'edges that are repeated',
      [['Pad', ['b', 'pads'], ['c'], { mode: 'reflect' }]],
      /\(Pad\) .*mode reflect/,
      { pads: [0n, 0n, 1n, 1n, 0n, 0n, 1n, 1n] },
    ],
    [
      'integers between layers',
      [
        ['QuantizeLinear', ['b', 'one'], ['q']],
        ['DequantizeLinear', ['q', 'one'], ['c']],
      ],
      /layer "Conv_\d+" \(Conv\) computes with integers/,
    ],
  ])('%s', async (_, layers, message, constants) => {
    const file = withLayer(layers, constants);
    await expect(cutsOf(file, ['stage'])).rejects.toMatchObject({
      code: 'not_trainable',
      message: expect.stringMatching(message),
    });
  });

  test('control flow', async () => {
    // Loop has no rule, so that what it contains does not matter.
    const model = readModel(bytesInMemory(withLayer([['Loop', ['', '', 'b'], ['c']]])));
    const shapes = await shapesOf(withLayer([['Relu', ['b'], ['c']]]));
    expect(() => tailCuts(model, shapes, 'logits', ['stage'])).toThrow(/\(Loop\) has an operator without a gradient/);
  });

  test('integers in a bundled network', async () => {
    await expect(cutsOf(bundled('cifar10-resnet20/cifar10-resnet20-int8'), ['last-block'])).rejects.toThrow(
      /"stage3.block3.conv1" .* only a variant with float32/,
    );
  });

  test('a network of a classifier alone', async () => {
    const nodes: WrittenNode[] = [
      ['Flatten', ['x'], ['f']],
      ['Gemm', ['f', 'w'], ['logits']],
    ];
    const file = onnxFileOf({ opset: 13, input: ['N', 2, 2], nodes, constants: { w: w(4, 3) }, output: 'logits' });
    await expect(cutsOf(file, ['stage'])).rejects.toThrow(/no layer before the classifier has weights/);
  });

  test('a network without weights', async () => {
    const file = onnxFileOf({
      opset: 13,
      input: ['N', 2, 2],
      nodes: [['Relu', ['x'], ['y']]],
      constants: {},
      output: 'y',
    });
    await expect(cutsOf(file, ['stage'])).rejects.toThrow(/no convolution or fully connected layer/);
  });

  test('but only in the tail that is asked for', async () => {
    const [cut] = await cutsOf(withLayer([['Softplus', ['b'], ['c']]]), ['last-block']);
    expect(cut).toMatchObject({ tensor: 'c' });
  });
});

test('a tail that takes the input beside the cut is refused', async () => {
  const nodes: WrittenNode[] = [
    ['Shape', ['x'], ['s']],
    ['Slice', ['s', 'zero', 'two'], ['shape']],
    ['Reshape', ['b', 'shape'], ['c']],
  ];
  const file = withLayer(nodes, { zero: [0n], two: [2n] });
  const cut: TailCut = { depth: 'stage', tensor: 'a', dims: [4, 4, 4], output: 'logits', weights: 0, frozen: [] };
  expect(() => tailProbe(file, cut)).toThrow(/take the input "x" in other ways/);
});
