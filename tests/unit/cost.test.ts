import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type LookOptions, parseAugmentation } from '../../src/core/test-time.js';
import { costOf, expectedMs, type Looker, READING_GMACS, ReadingTime } from '../../src/serving/cost.js';
import type { ServedModel } from '../../src/serving/model.js';

const looker = (gmacs: number, rowMs: number, crops: LookOptions['crops'] = 1, tta = ''): Looker => ({
  model: { gmacs, rowMs } as ServedModel,
  look: { crops, augmentation: parseAugmentation(tta), seed: 0 },
});

describe('costOf', () => {
  test('a picture is read once, and every network runs on each of its views', () => {
    expect(costOf([looker(1.8, 30)], 1, 8)).toEqual({ gmacs: 1.8 + READING_GMACS, ms: 38 });
    const two = [looker(2, 30, 10), looker(4, 50, 5, 'mirror,rotate:5')];
    // 10 views of one, 5 x 2 x 2 of the other.
    expect(costOf(two, 3, 8)).toEqual({ gmacs: 3 * (READING_GMACS + 20 + 80), ms: 3 * (8 + 300 + 1000) });
  });

  test('equal views that are computed once count as often as they were asked for: the picture is not known yet', () => {
    expect(costOf([looker(1, 1, 144)], 1, 0).ms).toBe(144);
  });

  test('more views than a picture may have are refused', () => {
    expect(() => costOf([looker(1, 1, 144, 'mirror,rotate:1')], 1, 8)).toThrowError(
      expect.objectContaining({ code: 'invalid_request' }),
    );
  });
});

describe('expectedMs', () => {
  test('views are spread over the lanes, but none takes less than the slowest network on one', () => {
    expect(expectedMs([looker(1, 30)], 1, 8)).toBe(38);
    expect(expectedMs([looker(1, 30)], 4, 8)).toBe(38);
    expect(expectedMs([looker(1, 30, 10)], 1, 8)).toBe(308);
    expect(expectedMs([looker(1, 30, 10)], 4, 8)).toBe(83);
    expect(expectedMs([looker(1, 30), looker(1, 200)], 4, 8)).toBe(208);
  });
});

describe('ReadingTime', () => {
  test('learns what reading takes and is not thrown by one picture', () => {
    const reading = new ReadingTime();
    const first = reading.ms;
    expect(first).toBeGreaterThan(0);
    reading.observe(first + 100);
    expect(reading.ms).toBeCloseTo(first + 10);
    for (let i = 0; i < 100; i++) reading.observe(40);
    expect(reading.ms).toBeCloseTo(40, 1);
  });

  test('stays between what was seen', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1e5, noNaN: true }), { minLength: 1 }), (times) => {
        const reading = new ReadingTime();
        const seen = [reading.ms, ...times];
        for (const ms of times) reading.observe(ms);
        expect(reading.ms).toBeGreaterThanOrEqual(Math.min(...seen));
        expect(reading.ms).toBeLessThanOrEqual(Math.max(...seen));
      }),
    );
  });
});
