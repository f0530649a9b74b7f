import { describe, expect, test } from 'vitest';
import { isUnbalanced } from '../../../src/training/examine/class-balance.js';
import { suspiciousLabels } from '../../../src/training/examine/held-out-answers.js';
import { wouldMoreHelp } from '../../../src/training/examine/would-more-help.js';
import { measuresOf } from '../../../src/training/report/measure.js';

describe('held-out pictures', () => {
  // Three pictures of class 0, of which two are right, and one of class 1, which is wrong; class 2 has none.
  const labels = Int32Array.of(0, 0, 0, 1);
  const probabilities = Float32Array.of(0.5, 0.25, 0.25, 0.8, 0.1, 0.1, 0.2, 0.7, 0.1, 0.9, 0.05, 0.05);
  const measures = measuresOf(['a', 'b', 'c'], labels, probabilities);

  test('are counted where right, by picture and by class', () => {
    expect(measures.images).toBe(4);
    expect(measures.accuracy.value).toBe(0.5);
    expect(measures.base_rate).toEqual({ label: 'a', value: 0.75 });
    expect(measures.classes.map(({ images, recall }) => [images, recall?.value])).toEqual([
      [3, 2 / 3],
      [1, 0],
      [0, undefined],
    ]);
    expect(measures.balanced_accuracy).toBeCloseTo(1 / 3, 12);
    expect(measures.log_loss).toBeCloseTo(-(Math.log(0.5) + Math.log(0.8) + Math.log(0.2) + Math.log(0.05)) / 4, 6);
    expect(measures.confusion).toContainEqual({ label: 1, answer: 0, images: 1 });
  });

  test('have the intervals of Wilson', () => {
    // statsmodels.stats.proportion.proportion_confint(2, 4, method="wilson")
    expect(measures.accuracy.low).toBeCloseTo(0.150036, 5);
    expect(measures.accuracy.high).toBeCloseTo(0.849964, 5);
  });

  test('have suspicious labels where another class is more probable, the least probable first', () => {
    const found = suspiciousLabels(labels, probabilities);
    expect(found.map(({ picture, answer }) => [picture, answer])).toEqual([
      [3, 0],
      [2, 1],
    ]);
    expect(found[0]?.ofLabel).toBeCloseTo(0.05, 6);
    expect(found[0]?.probability).toBeCloseTo(0.9, 6);
  });

  test('have few suspicious labels where classes are hard to tell apart, and wrong ones among answers that none is sure of', () => {
    const rows = (row: readonly number[], count: number) => Array.from({ length: count }, () => row).flat();
    // Of 100 pictures 40 are answered wrongly, but hardly ever surely.
    const hard = Float32Array.from([...rows([0.55, 0.45], 85), ...rows([0.95, 0.05], 15)]);
    const mixed = Int32Array.from({ length: 100 }, (_, i) => (i < 40 || i === 99 ? 1 : 0));
    expect(suspiciousLabels(mixed, hard).map(({ picture }) => picture)).toEqual([99]);
    // Where a fifth of the labels is wrong, no answer is surer than four fifths.
    const noisy = Float32Array.from(rows([0.8, 0.2], 200));
    const labelled = Int32Array.from({ length: 200 }, (_, i) => (i % 5 === 0 ? 1 : 0));
    expect(suspiciousLabels(labelled, noisy)).toHaveLength(40);
  });
});

test('classes are unbalanced from 3 to 1 on; a class without pictures does not count', () => {
  expect(isUnbalanced(Int32Array.of(0, 0, 0, 1))).toBe(true);
  expect(isUnbalanced(Int32Array.of(0, 0, 0, 0, 0, 1, 1, 5, 5))).toBe(false);
});

describe('whether more pictures would help', () => {
  const point = (perClass: number, accuracy: number, half = 0.02) => ({
    perClass,
    accuracy,
    low: accuracy - half,
    high: accuracy + half,
  });

  test('is told from what the last doubling gained', () => {
    expect(wouldMoreHelp([point(20, 0.8), point(40, 0.85), point(80, 0.9)]).help).toBe('yes');
    const little = wouldMoreHelp([point(20, 0.8), point(40, 0.901), point(80, 0.9)]);
    expect(little.help).toBe('little');
    expect(little.reason).toContain('90.1 % with 40 pictures of a class to 90.0 % with 80');
  });

  test('is unclear with few pictures', () => {
    expect(wouldMoreHelp([point(3, 0.8, 0.2)]).help).toBe('unclear');
    expect(wouldMoreHelp([point(2, 0.8, 0.2), point(5, 0.8, 0.2)]).help).toBe('unclear');
    expect(wouldMoreHelp([]).help).toBe('unclear');
  });
});
