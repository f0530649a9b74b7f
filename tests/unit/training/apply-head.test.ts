import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { softmax } from '../../../src/core/scores/activation.js';
import { type HeadWeights, headFile } from '../../../src/onnx/cut/head-file.js';
import { applyHead } from '../../../src/training/head/apply-head.js';
import { noise } from '../../support/heads.js';
import { onnxFileOf } from '../../support/onnx-files.js';

const head: HeadWeights = {
  classes: 2,
  weights: Float32Array.of(1, 0, 2, -1, 1, 0),
  bias: Float32Array.of(0.5, -0.5),
};

describe('the probabilities of a head', () => {
  test('are the softmax of weights times features and bias, computed by hand', async () => {
    const probabilities = await applyHead(head, Float32Array.of(1, 2, 3, 0, 0, 0), 3);
    // Logits 1 + 6 + 0.5 and -1 + 2 - 0.5; then the bias alone.
    const expected = [7.5, 0.5, 0.5, -0.5].map(Math.exp);
    const [a = 0, b = 0, c = 0, d = 0] = expected;
    for (const [i, value] of [a / (a + b), b / (a + b), c / (c + d), d / (c + d)].entries()) {
      expect(probabilities[i]).toBeCloseTo(value, 6);
    }
    expect(probabilities).toHaveLength(4);
  });

  test('of no pictures are none', async () => {
    expect(await applyHead(head, new Float32Array(0), 3)).toHaveLength(0);
  });

  test('let other work of the thread have its turn', async () => {
    let turns = 0;
    let going = true;
    const count = () => {
      turns++;
      if (going) setImmediate(count);
    };
    setImmediate(count);
    const size = 2000;
    const wide = { classes: 1000, weights: noise(size * 1000, 1), bias: noise(1000, 2) };
    await applyHead(wide, noise(8 * size, 3), size);
    going = false;
    expect(turns).toBeGreaterThan(1);
  });

  test.each([
    ['without', undefined],
    ['with', 16],
  ])('%s a hidden layer are those of the ONNX file, run by ONNX Runtime', async (_case, units) => {
    const [size, classes, pictures] = [24, 5, 40];
    const inputs = units ?? size;
    const trained: HeadWeights = {
      classes,
      weights: noise(classes * inputs, 1),
      bias: noise(classes, 2),
      ...(units && { hidden: { units, weights: noise(units * size, 3), bias: noise(units, 4) } }),
    };
    const features = noise(pictures * size, 5);
    // A network that gives its input back.
    const bytes = onnxFileOf({
      opset: 13,
      input: ['N', size],
      nodes: [['Identity', ['x'], ['menagerie/features']]],
      constants: {},
      output: 'menagerie/features',
    });
    const session = await InferenceSession.create(headFile({ bytes, features: 'menagerie/features', size }, trained));
    const answer = await session.run({ x: new Tensor('float32', features, [pictures, size]) });
    const logits = answer.logits?.data as Float32Array;
    const answers = await applyHead(trained, features, size);
    for (let i = 0; i < pictures; i++) {
      const own = softmax(logits.subarray(i * classes, (i + 1) * classes));
      for (const [c, value] of own.entries()) expect(answers[i * classes + c]).toBeCloseTo(value, 5);
    }
    await session.release();
  });
});
