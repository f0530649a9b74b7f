import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stratifiedFolds } from '../../../src/training/examine/stratified-folds.js';

const count = (values: Iterable<number>, wanted: number) => [...values].filter((value) => value === wanted).length;
const alone = (labels: Int32Array) => labels.map((_, i) => i);

test('every fold has the same share of every class, and about as many pictures', () => {
  const pictures = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(pictures, fc.integer({ min: 2, max: 6 }), fc.nat(1000), (list, k, seed) => {
      const labels = Int32Array.from(list);
      const folds = stratifiedFolds(labels, alone(labels), k, seed);
      const sizes = Array.from({ length: k }, (_, fold) => count(folds, fold));
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(4);
      for (let label = 0; label < 4; label++) {
        const own = Array.from({ length: k }, (_, fold) =>
          count(
            folds.filter((_, i) => labels[i] === label),
            fold,
          ),
        );
        const held = own.map((_, fold) => [...folds].filter((f, i) => f === fold && labels[i] === label).length);
        expect(Math.max(...held) - Math.min(...held)).toBeLessThanOrEqual(1);
      }
    }),
  );
});

test('a group stays together, and the others are still balanced', () => {
  const groups = fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 20, maxLength: 120 });
  fc.assert(
    fc.property(groups, fc.nat(1000), (names, seed) => {
      const labels = Int32Array.from(names, (name) => name % 2);
      const folds = stratifiedFolds(labels, Int32Array.from(names), 3, seed);
      for (const name of new Set(names)) {
        const own = names.flatMap((other, i) => (other === name ? [folds[i]] : []));
        const half = names.filter((other) => other % 2 === name % 2).length / 2;
        if (own.length <= half) expect(new Set(own).size).toBe(1);
      }
    }),
  );
});

test('a group with more than half of a class is divided, so that the class is trained on in every fold', () => {
  const labels = Int32Array.of(0, 0, 0, 0, 1, 1, 1, 1);
  const folds = stratifiedFolds(labels, Int32Array.of(0, 0, 0, 0, 4, 5, 6, 7), 2, 1);
  expect(count(folds.subarray(0, 4), 0)).toBe(2);
});

test('the same seed gives the same folds, another seed others', () => {
  const labels = Int32Array.from({ length: 60 }, (_, i) => i % 3);
  const folds = (seed: number) => [...stratifiedFolds(labels, alone(labels), 5, seed)];
  expect(folds(7)).toEqual(folds(7));
  expect(folds(8)).not.toEqual(folds(7));
});

test('fewer pictures than folds fill fewer folds', () => {
  const folds = stratifiedFolds(Int32Array.of(0, 1), Int32Array.of(0, 1), 5, 1);
  expect(new Set(folds).size).toBe(2);
});
