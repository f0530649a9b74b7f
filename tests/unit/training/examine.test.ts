import { describe, expect, test } from 'vitest';
import { isUnbalanced } from '../../../src/training/examine/class-balance.js';
import { heldOutMetrics, suspiciousLabels } from '../../../src/training/examine/metrics.js';
import { wouldMoreHelp } from '../../../src/training/examine/would-more-help.js';

describe('metrics of held-out pictures', () => {
  // Three pictures of class 0, of which two are right, and one of class 1, which is wrong; class 2 has none.
  const labels = Int32Array.of(0, 0, 0, 1);
  const probabilities = Float32Array.of(0.5, 0.25, 0.25, 0.8, 0.1, 0.1, 0.2, 0.7, 0.1, 0.9, 0.05, 0.05);
  const metrics = heldOutMetrics(labels, probabilities);

  test('count what is right, by picture and by class', () => {
    expect(metrics.accuracy).toBe(0.5);
    expect(metrics.baseRate).toBe(0.75);
    expect(metrics.classes.map(({ index, pictures, recall }) => [index, pictures, recall])).toEqual([
      [0, 3, 2 / 3],
      [1, 1, 0],
    ]);
    expect(metrics.balancedAccuracy).toBeCloseTo(1 / 3, 12);
    expect(metrics.logLoss).toBeCloseTo(-(Math.log(0.5) + Math.log(0.8) + Math.log(0.2) + Math.log(0.05)) / 4, 6);
    expect(metrics.confusion).toContainEqual({ label: 1, answer: 0, images: 1 });
  });

  test('the intervals are Wilson’s', () => {
    // statsmodels.stats.proportion.proportion_confint(2, 4, method="wilson")
    expect(metrics.interval[0]).toBeCloseTo(0.150036, 5);
    expect(metrics.interval[1]).toBeCloseTo(0.849964, 5);
  });

  test('labels are suspicious where another class is more probable, the least probable first', () => {
    const found = suspiciousLabels(labels, probabilities, 5);
    expect(found.map(({ picture, answer }) => [picture, answer])).toEqual([
      [3, 0],
      [2, 1],
    ]);
    expect(found[0]?.ofLabel).toBeCloseTo(0.05, 6);
    expect(suspiciousLabels(labels, probabilities, 1)).toHaveLength(1);
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
