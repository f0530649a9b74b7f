import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Highest } from '../../../src/core/features/highest.js';

it('keeps the most similar, equals in the order in which they came, and counts the others', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 9 })), fc.integer({ min: 1, max: 12 }), (given, most) => {
      const highest = new Highest<number>(most);
      for (const [i, similarity] of given.entries()) highest.add(similarity, () => i);
      const sorted = given.map((similarity, item) => ({ similarity, item }));
      sorted.sort((a, b) => b.similarity - a.similarity || a.item - b.item);
      expect(highest.items).toEqual(sorted.slice(0, most));
      expect(highest.dropped).toBe(Math.max(0, given.length - most));
    }),
  );
});
