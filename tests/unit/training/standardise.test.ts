import { expect, test } from 'vitest';
import { foldedIn, standardise } from '../../../src/training/inside/standardise.js';

test('features get mean 0 and deviation 1, constant ones 0', () => {
  const features = Float32Array.of(1, 7, 1000, 3, 7, 1000.0001, 5, 7, 1000);
  standardise(features, 3);
  const root = Math.sqrt(1.5);
  for (const [i, value] of [-root, 0, 0, 0, 0, 0, root, 0, 0].entries()) expect(features[i]).toBeCloseTo(value, 6);
});

test('a layer with the standardisation folded in gives for plain features what it gave for standardised ones', () => {
  const plain = Float32Array.of(2, -1, 5, 8, 0.5, 5, -4, 3, 5);
  const standard = plain.slice();
  const standardisation = standardise(standard, 3);
  const [weights, bias] = [Float32Array.of(1, -2, 3, 0.5, 4, -1), Float32Array.of(0.25, -3)];
  const folded = foldedIn(standardisation, weights, bias);
  const layer = (rows: Float32Array, w: Float32Array, b: Float32Array) =>
    [0, 1, 2].flatMap((row) =>
      [...b].map((start, c) =>
        [0, 1, 2].reduce((sum, j) => sum + (rows[row * 3 + j] ?? 0) * (w[c * 3 + j] ?? 0), start),
      ),
    );
  const expected = layer(standard, weights, bias);
  for (const [i, value] of layer(plain, folded.weights, folded.bias).entries())
    expect(value).toBeCloseTo(expected[i] ?? 0, 5);
});
