import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { randomWarp, warpLocally } from '../../../src/core/pixels/local-warp.js';
import { createRandom } from '../../../src/core/random.js';

const STILL = Array.from({ length: 9 }, () => 0);
const noise = (width: number, height: number, seed = 1) => {
  const random = createRandom(seed);
  return { data: Uint8Array.from({ length: width * height * 3 }, () => random.integer(256)), width, height };
};
/** A picture whose red is the column and whose green is the row. */
const ramp = (side: number) => ({
  data: Uint8Array.from({ length: side * side * 3 }, (_, i) => {
    const pixel = Math.floor(i / 3);
    return [pixel % side, Math.floor(pixel / side), 7][i % 3] ?? 0;
  }),
  width: side,
  height: side,
});

describe('warpLocally', () => {
  test('without movement changes nothing', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }), (width, height) => {
        const picture = noise(width, height);
        expect(warpLocally(picture, { right: STILL, down: STILL })).toEqual(picture.data);
      }),
    );
  });

  test('where all points move alike, moves everything, and repeats the edge', () => {
    const moved = warpLocally(ramp(64), { right: STILL.map(() => 0.25), down: STILL });
    for (let x = 0; x < 64; x++) expect(moved[(10 * 64 + x) * 3]).toBe(Math.max(0, x - 16));
  });

  test('moves the neighbourhood of the point that moves, and not the far corner', () => {
    const right = STILL.map((_, i) => (i === 4 ? 0.1 : 0));
    const moved = warpLocally(ramp(65), { right, down: STILL });
    const red = (x: number, y: number) => moved[(y * 65 + x) * 3] ?? Number.NaN;
    expect(red(32, 32)).toBe(32 - 6);
    expect(red(0, 0)).toBe(0);
    expect(red(64, 64)).toBe(64);
    // Rows and columns without movement stay where they are.
    expect(red(32, 0)).toBe(32);
  });

  test('movements follow a normal distribution of the strength', () => {
    const moves = Array.from({ length: 400 }, (_, seed) => randomWarp(createRandom(seed), 0.03)).flatMap(
      ({ right, down }) => [...right, ...down],
    );
    const deviation = Math.sqrt(moves.reduce((sum, move) => sum + move * move, 0) / moves.length);
    expect(deviation).toBeGreaterThan(0.028);
    expect(deviation).toBeLessThan(0.032);
  });
});
