import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sumByGroup } from '../../../src/core/scores/grouping.js';

describe('sumByGroup', () => {
  const grouped = fc
    .array(fc.tuple(fc.float({ min: 0, max: 1, noNaN: true }), fc.nat(6)), { minLength: 1, maxLength: 60 })
    .map((classes) => ({
      // As probabilities: they sum to 1.
      scores: Float32Array.from(
        classes,
        ([score]) =>
          score /
          Math.max(
            1e-6,
            classes.reduce((sum, [s]) => sum + s, 0),
          ),
      ),
      groupOf: classes.map(([, group]) => group),
    }));

  test('gives each group the scores of its classes, and loses none', () => {
    fc.assert(
      fc.property(grouped, ({ scores, groupOf }) => {
        const sums = sumByGroup(scores, groupOf, 7);
        const expected = Array.from({ length: 7 }, (_, group) =>
          scores.reduce((sum, score, i) => (groupOf[i] === group ? sum + score : sum), 0),
        );
        expect([...sums]).toEqual(expected.map((sum) => Math.min(1, Math.fround(sum))));
        const total = (values: Float32Array) => values.reduce((sum, value) => sum + value, 0);
        expect(total(sums)).toBeCloseTo(total(scores), 6);
      }),
    );
  });

  test('loses no small scores beside a large one, as sums in single precision would', () => {
    const scores = new Float32Array(1001).fill(1e-8);
    scores[0] = 0.5;
    expect(sumByGroup(scores, new Array(1001).fill(0), 1)[0]).toBe(Math.fround(0.50001));
  });

  test('is at most 1, even if a network rounded its probabilities up', () => {
    const third = Math.fround(0.33333340287208557);
    expect([...sumByGroup(Float32Array.of(third, third, third), [0, 0, 0], 1)]).toEqual([1]);
  });

  test('takes one score per class', () => {
    expect(() => sumByGroup(new Float32Array(3), [0, 0], 1)).toThrow('3 scores, but 2 classes');
  });
});
