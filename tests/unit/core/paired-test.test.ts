import { expect, test } from 'vitest';
import { pairedTest } from '../../../src/core/scores/paired-test.js';

test('equals the exact probability where all signs can be counted', () => {
  // Of 2^5 signs of these differences, those with a sum of at least 13: all, without 1, and without 2 (15, 13, 11).
  const better = [1, 2, 3, 4, 5];
  expect(pairedTest(better, [0, 0, 0, 0, 0])).toBeCloseTo(1 / 32, 2);
  // Sums of at least 7 with signs of 1, 1, 1, 1, 5: 9 once, 7 four times.
  expect(pairedTest([1, 1, 1, -1, 5], [0, 0, 0, 0, 0])).toBeCloseTo(5 / 32, 2);
});

test('is near 1 for what is worse, and for no difference', () => {
  expect(pairedTest([0, 0, 0], [1, 1, 1])).toBe(1);
  expect(pairedTest([1, 2, 3], [1, 2, 3])).toBe(1);
});

test('never claims certainty', () => {
  const many = Array.from({ length: 200 }, () => 1);
  expect(
    pairedTest(
      many,
      many.map(() => 0),
    ),
  ).toBeCloseTo(1 / 20_001, 8); // prettier-ignore
});
