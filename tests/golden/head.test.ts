import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { headTask, startTrainer } from '../support/trainer.js';

// Heads against scikit-learn's (scripts/reference/softmax_regression.py), which standardises, weights classes and minimises by itself.

interface Case {
  size: number;
  classes: number;
  l2: number;
  weighted: boolean;
  features: number[];
  labels: number[];
  /** For features that are not standardised: classes x size. */
  weights: number[];
  probabilities: number[];
}
const fixture = new URL('../fixtures/softmax-regression.json', import.meta.url);
const { cases } = JSON.parse(readFileSync(fixture, 'utf8')) as { cases: Case[] };
const trainer = await startTrainer();

describe.each(cases)('$classes classes, L2 $l2, weighted: $weighted', (reference) => {
  const { size, classes, l2, weighted, labels } = reference;
  const features = Float32Array.from(reference.features);

  test('the head is scikit-learn’s', async () => {
    const task = headTask({ features: features.slice(), size, classes, labels, l2: [l2], weighted });
    const { head } = await trainer.head(task, () => {});
    const largest = Math.max(...reference.weights.map(Math.abs));
    // A change of all weights of a feature by the same amount changes no answer, but L2 lets none be.
    for (const [i, weight] of reference.weights.entries()) {
      expect(Math.abs((head.weights[i] ?? Number.NaN) - weight)).toBeLessThan(1e-3 * largest);
    }
    for (const [row] of labels.entries()) {
      const own = probabilities(features.subarray(row * size, (row + 1) * size), head);
      for (const [c, probability] of own.entries()) {
        expect(probability).toBeCloseTo(reference.probabilities[row * classes + c] ?? Number.NaN, 3);
      }
    }
  });
});

function probabilities(row: Float32Array, { weights, bias }: { weights: Float32Array; bias: Float32Array }): number[] {
  const powers = [...bias].map((start, c) =>
    Math.exp(row.reduce((sum, value, j) => sum + value * (weights[c * row.length + j] ?? Number.NaN), start)),
  );
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}
