import { expect, test } from 'vitest';
import { createRandom } from '../../../src/core/random.js';
import { softmax } from '../../../src/core/scores/activation.js';
import { calmingScale } from '../../../src/training/tail/temperature.js';

const CLASSES = 3;
const random = createRandom(6);
/** Logits whose softmax, with the scale given, is how often each class is the label. */
function drawn(pictures: number, scale: number) {
  const logits = Float32Array.from({ length: pictures * CLASSES }, () => random.normal() / scale);
  const labels = Int32Array.from({ length: pictures }, (_, picture) => {
    const own = logits.subarray(picture * CLASSES, (picture + 1) * CLASSES);
    const probabilities = softmax(own.map((logit) => scale * logit));
    let rest = random.uniform(0, 1);
    return Math.max(
      0,
      probabilities.findIndex((probability) => {
        rest -= probability;
        return rest < 0;
      }),
    );
  });
  return { logits, labels, weights: new Float32Array(pictures).fill(1) };
}

test.each([0.1, 0.3, 0.8])('finds by how much logits are too sure: %d', (scale) => {
  const { logits, labels, weights } = drawn(20_000, scale);
  expect(calmingScale(labels, logits, weights) / scale).toBeCloseTo(1, 1);
});

test('does not make a network surer, and stays above 0 for one that is always wrong', () => {
  const unsure = drawn(2000, 3);
  expect(calmingScale(unsure.labels, unsure.logits, unsure.weights)).toBe(1);
  expect(calmingScale(Int32Array.of(1, 1), Float32Array.of(9, 0, 0, 9, 0, 0), Float32Array.of(1, 1))).toBe(0.05);
  expect(calmingScale(Int32Array.of(0), new Float32Array(3), Float32Array.of(1))).toBe(1);
});
