import { describe, expect, test } from 'vitest';
import { integer, node } from '../../../scripts/torture/onnx-fields.mjs';
import { readForm } from '../../../src/adding/read-form.js';
import { bytesInMemory } from '../../../src/core/byte-source.js';
import { readModel } from '../../../src/onnx/file/model.js';
import { colourNetwork, type Dims, FLOAT, FLOAT16, INT64, inputOf, UINT8 } from '../../support/colour-networks.js';

const read = (form: Parameters<typeof colourNetwork>[0], options = {}) =>
  readForm(readModel(bytesInMemory(colourNetwork(form))), options);

describe('the input', () => {
  test.each<[string, Dims, object]>([
    [
      'NCHW',
      ['N', 3, 224, 192],
      { input: { name: 'x', layout: 'NCHW', height: 224, width: 192 }, channels: 3, batch: 'dynamic' },
    ],
    ['NHWC', [1, 28, 28, 1], { input: { name: 'x', layout: 'NHWC', height: 28, width: 28 }, channels: 1, batch: 1 }],
    [
      'of open size',
      ['N', 3, 'H', 'W'],
      { input: { name: 'x', layout: 'NCHW', height: 224, width: 224 }, channels: 3 },
    ],
    [
      'grey, without channel',
      ['N', 28, 28],
      { input: { name: 'x', layout: 'NCHW', height: 28, width: 28 }, channels: 1 },
    ],
    [
      'without batch',
      [3, 64, 64],
      { input: { name: 'x', layout: 'NCHW', height: 64, width: 64 }, channels: 3, batch: 1 },
    ],
    ['flattened grey', ['', 784], { input: { name: 'x', layout: 'NHWC', height: 28, width: 28 }, channels: 1 }],
    ['flattened colour', ['', 3072], { input: { name: 'x', layout: 'NHWC', height: 32, width: 32 }, channels: 3 }],
  ])('%s', (_, inputDims, form) => {
    expect(read({ inputDims })).toMatchObject(form);
  });

  test('of open size is as large as is said', () => {
    expect(read({ inputDims: ['N', 3, 'H', 'W'] }, { side: 299 }).input).toMatchObject({ height: 299, width: 299 });
  });

  test('of bytes', () => {
    expect([read({ input: UINT8 }).bytes, read({ input: FLOAT16 }).bytes]).toEqual([true, false]);
  });

  test.each<[string, Parameters<typeof colourNetwork>[0], RegExp]>([
    ['another type', { input: INT64 }, /"x" is int64/],
    ['a fixed batch', { inputDims: [8, 3, 32, 32] }, /takes exactly 8 views/],
    ['other channels', { inputDims: ['N', 4, 32, 32] }, /is Nx4x32x32; a picture has 1 or 3 channels/],
    ['rows that are no square', { inputDims: ['N', 13] }, /is Nx13/],
    ['a second one', { more: [inputOf('mask', FLOAT, [1])] }, /2 inputs \("x", "mask"\)/],
  ])('of %s is refused by name', (_, form, message) => {
    expect(() => read(form)).toThrow(message);
  });
});

describe('the scores', () => {
  test.each([
    ['logits', 'Identity', 'logits', false],
    ['probabilities', 'Softmax', 'probabilities', false],
    ['probabilities of several labels', 'Sigmoid', 'probabilities', true],
    ['logits', 'LogSoftmax', 'logits', false],
  ])('are %s after %s', (_, operator, kind, sigmoid) => {
    const head = [node(operator, ['scores'], ['soft']), node('Flatten', ['soft'], ['answer'], [integer('axis', 1)])];
    expect(read({ head })).toMatchObject({ output: { name: 'y', kind }, sigmoid });
  });
});
