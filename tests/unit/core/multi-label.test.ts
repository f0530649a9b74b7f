import { expect, test } from 'vitest';
import { meanOverViews } from '../../../src/core/scores/averaging.js';
import { viewMean } from '../../../src/core/scores/multi-label.js';

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const close = (values: number[]) => values.map((value) => expect.closeTo(value, 5));
/** Two views of two labels. */
const LOGITS = Float32Array.of(2, -1, 0, 3);
const PROBABILITIES = LOGITS.map(sigmoid);
const WEIGHTS = [3, 1];

test('labels that exclude each other keep softmax', () => {
  expect([viewMean(undefined), viewMean(false)]).toEqual([meanOverViews, meanOverViews]);
});

test('other labels have the mean of their sigmoids, each for itself', () => {
  const mean = close([(3 * sigmoid(2) + sigmoid(0)) / 4, (3 * sigmoid(-1) + sigmoid(3)) / 4]);
  expect([...viewMean(true)(LOGITS, 2, WEIGHTS, 'logits', 'probabilities')]).toEqual(mean);
  expect([...viewMean(true)(PROBABILITIES, 2, WEIGHTS, 'probabilities', 'probabilities')]).toEqual(mean);
});

test('or the sigmoid of their mean logits', () => {
  const mean = close([sigmoid(6 / 4), sigmoid(0)]);
  expect([...viewMean(true)(LOGITS, 2, WEIGHTS, 'logits', 'logits')]).toEqual(mean);
  expect([...viewMean(true)(PROBABILITIES, 2, WEIGHTS, 'probabilities', 'logits')]).toEqual(mean);
});

test('a probability of 0 or 1 in one view decides nothing for ever', () => {
  const [label] = viewMean(true)(Float32Array.of(1, 0), 1, [1, 1], 'probabilities', 'logits');
  expect(label).toBeGreaterThan(0);
  expect(label).toBeLessThan(1);
});
