import { describe, expect, it } from 'vitest';
import { open } from '../../../src/core/digit/opening.js';
import { selectDigit } from '../../../src/core/digit/parts.js';
import type { Plane } from '../../../src/core/digit/plane.js';
import { thicken } from '../../../src/core/digit/strokes.js';
import { randomFrom } from '../../support/drawn-digits.js';

// The passes of the digit finder against the plainest code that does the same.

const random = randomFrom(5);
const planeOf = (width: number, height: number, level: () => number): Plane => ({
  data: Float32Array.from({ length: width * height }, level),
  width,
  height,
});

/** The best level, by `better`, within a square around each pixel. */
function inSquare({ data, width, height }: Plane, radius: number, better: (...levels: number[]) => number): Plane {
  const best = data.map((_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    const near = [...data].filter(
      (_, k) => Math.abs((k % width) - x) <= radius && Math.abs(Math.floor(k / width) - y) <= radius,
    );
    return better(...near);
  });
  return { data: best, width, height };
}

describe('the opening', () => {
  it.each([
    [9, 7, 1],
    [16, 5, 2],
    [13, 13, 4],
    [1, 20, 3],
    [20, 1, 10],
    [6, 6, 30],
  ])('of %ix%i pixels with radius %i is the maximum of minima', (width, height, radius) => {
    const plane = planeOf(width, height, () => random() * 510 - 255);
    const expected = inSquare(inSquare(plane, radius, Math.min), radius + 1, Math.max);
    expect([...open(plane, radius).data]).toEqual([...expected.data]);
  });
});

describe('the parts', () => {
  const drawn = (rows: string[]): Plane => ({
    data: Float32Array.from([...rows.join('')].map((mark) => (mark === '#' ? 200 : 0))),
    width: rows[0]?.length ?? 0,
    height: rows.length,
  });
  const keptOf = (plane: Plane): string[] => {
    const kept = selectDigit(plane, 100);
    const out = Array.from({ length: plane.data.length }, () => '.');
    for (const [k, start] of (kept?.start ?? []).entries()) out.fill('#', start, kept?.end[k]);
    return Array.from({ length: plane.height }, (_, y) => out.slice(y * plane.width, (y + 1) * plane.width).join(''));
  };

  it.each([
    [
      'that meet late, or at a corner only, are one',
      [
        '..............',
        '.#....#..#....',
        '.#.##.#...#...',
        '.#..#.#....#..',
        '.####.#...#...',
        '....###..#....',
        '.......##.....',
      ],
    ],
    [
      'at both ends of a row do not touch',
      ['#.......', '......##', '........', '..####..', '..#..#..', '..####..', '........'],
    ],
  ])('%s', (_, rows) => {
    const plane = drawn(rows);
    const expected = rows.map((row, y) => (rows[0]?.startsWith('#') && y < 2 ? '........' : row));
    expect(keptOf(plane)).toEqual(expected);
  });
});

describe('thickening', () => {
  it.each([0.4, 1, 1.7, 3.2])('by %d pixels takes the maximum in a disc with a soft rim', (radius) => {
    const plane = planeOf(14, 11, () => (random() < 0.4 ? 0 : Math.min(255, Math.round(random() * 600))));
    const reach = Math.ceil(radius);
    const bold = thicken(plane, radius);
    const expected = bold.data.map((_, i) => {
      const [x, y] = [(i % bold.width) - reach, Math.floor(i / bold.width) - reach];
      const values = [...plane.data].map((level, k) => {
        const away = Math.hypot((k % plane.width) - x, Math.floor(k / plane.width) - y);
        return level * Math.min(1, Math.max(0, radius + 1 - away));
      });
      // A disc ends where its square does.
      return Math.max(...values);
    });
    expect(bold.width).toBe(14 + 2 * reach);
    for (const [i, level] of expected.entries()) expect(bold.data[i]).toBeCloseTo(level, 3);
  });
});
