import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Affine,
  affineBounds,
  colourShift,
  mirror,
  randomCorner,
  rotation,
  shear,
  shiftColours,
  warp,
} from '../../../src/core/pixels/augment.js';
import type { Point, Size } from '../../../src/core/pixels/geometry.js';
import type { Picture } from '../../../src/core/pixels/picture.js';
import { createRandom, type Random } from '../../../src/core/random.js';

// scripts/reference/augment.py wrote what Pillow and numpy answer.

interface Turned {
  degrees: number;
  centre: Point;
  pixels: string;
}
const reference = JSON.parse(
  readFileSync(new URL('../../fixtures/augment/reference.json', import.meta.url), 'utf8'),
) as Size & {
  rotations: Turned[];
  shears: Turned[];
  affine: Size & { affine: Affine; pixels: string };
  colours: { alpha: number[]; shift: [number, number, number]; pixels: string }[];
  random: { seed: number; integers: number[]; normals: number[] }[];
};

const bytes = (base64: string) => new Uint8Array(Buffer.from(base64, 'base64'));
const range = (length: number) => Array.from({ length }, (_, i) => i);
const centreOf = ({ width, height }: Size): Point => ({ x: width / 2, y: height / 2 });

/** The same picture as `synthetic` in scripts/reference/pictures.py. */
function synthetic({ width, height }: Size): Picture {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0, o = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const checker = (Math.floor(x / 3) + Math.floor(y / 2)) % 2;
      for (let c = 0; c < 3; c++) data[o++] = (x * 7 + y * 13 + c * 85 + ((x * y) % 31) * 5 + checker * 90) % 256;
    }
  }
  return { data, width, height };
}

/** A picture whose pixel at (x, y) is the given one's at `from(x, y)`. */
function permuted({ data, width }: Picture, size: Size, from: (x: number, y: number) => [number, number]): Uint8Array {
  const pixels = range(size.width * size.height).flatMap((i) => {
    const [x, y] = from(i % size.width, Math.floor(i / size.width));
    return [...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)];
  });
  return Uint8Array.from(pixels);
}

const sizes = fc.record({ width: fc.integer({ min: 1, max: 12 }), height: fc.integer({ min: 1, max: 12 }) });
const pictures = sizes.chain((size) =>
  fc
    .uint8Array({ minLength: size.width * size.height * 3, maxLength: size.width * size.height * 3 })
    .map((data): Picture => ({ data: new Uint8Array(data), ...size })),
);
const degrees = fc.double({ min: -400, max: 400, noNaN: true });
/** Rotations, shears and anything else. */
const affines = fc.oneof(
  fc.tuple(degrees, sizes).map(([angle, size]) => rotation(angle, centreOf(size))),
  fc.tuple(fc.double({ min: -60, max: 60, noNaN: true }), sizes).map(([angle, size]) => shear(angle, centreOf(size))),
  fc
    .tuple(
      ...range(6).map((i) =>
        fc.double(i % 3 === 2 ? { min: -9, max: 9, noNaN: true } : { min: -2, max: 2, noNaN: true }),
      ),
    )
    .map((values) => values as unknown as Affine),
);

describe('mirror', () => {
  test('puts each pixel where its row is as far from the other side', () => {
    fc.assert(
      fc.property(pictures, (picture) => {
        const before = picture.data.slice();
        const expected = permuted(picture, picture, (x, y) => [picture.width - 1 - x, y]);
        expect(mirror(picture.data, picture.width)).toEqual(expected);
        expect(picture.data).toEqual(before);
      }),
    );
  });

  test('twice is nothing, in an array of its own', () => {
    fc.assert(
      fc.property(pictures, ({ data, width }) => {
        const once = mirror(data, width);
        expect(once.buffer).not.toBe(data.buffer);
        expect(mirror(once, width)).toEqual(data);
      }),
    );
  });
});

describe('warp', () => {
  test.each([0, 360, -720])('by a rotation of %i degrees changes nothing', (angle) => {
    fc.assert(
      fc.property(pictures, (picture) => {
        expect(warp(picture, rotation(angle, centreOf(picture)), picture)).toEqual(picture.data);
      }),
    );
  });

  test.each([90, 180, 270, -90, 450])('by %i degrees moves the pixels of a square, counter-clockwise', (angle) => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), (width) => {
        const picture = synthetic({ width, height: width });
        const last = width - 1;
        let expected = picture.data as Uint8Array;
        for (let turns = (angle / 90 + 4) % 4; turns > 0; turns--) {
          expected = permuted({ ...picture, data: new Uint8Array(expected) }, picture, (x, y) => [last - y, x]);
        }
        expect(warp(picture, rotation(angle, centreOf(picture)), picture)).toEqual(expected);
      }),
    );
  });

  test('goes on with the nearest edge pixel beyond the picture', () => {
    const picture = synthetic({ width: 5, height: 4 });
    const size = { width: 15, height: 13 };
    const clamped = (value: number, last: number) => Math.min(Math.max(value, 0), last);
    expect(warp(picture, [1, 0, -6, 0, 1, -5], size)).toEqual(
      permuted(picture, size, (x, y) => [clamped(x - 6, 4), clamped(y - 5, 3)]),
    );
  });

  test('leaves its input alone, and a picture of one colour as it is', () => {
    fc.assert(
      fc.property(sizes, sizes, affines, fc.integer({ min: 0, max: 255 }), (from, to, affine, level) => {
        const data = new Uint8Array(from.width * from.height * 3).fill(level);
        expect(new Set(warp({ data, ...from }, affine, to))).toEqual(new Set([level]));
        expect(new Set(data)).toEqual(new Set([level]));
      }),
    );
  });

  test('rounds to the nearest level', () => {
    const picture = { data: Uint8Array.of(0, 0, 255, 1, 3, 0), width: 2, height: 1 };
    // 1/4 and 5/8 of the way from the first pixel to the second
    expect([...warp(picture, [0, 0, 0.75, 0, 0, 0.5], { width: 1, height: 1 })]).toEqual([0, 1, 191]);
    expect([...warp(picture, [0, 0, 1.125, 0, 0, 0.5], { width: 1, height: 1 })]).toEqual([1, 2, 96]);
  });
});

describe('warp equals Pillow', () => {
  const picture = synthetic(reference);
  /** Pillow drops the fraction of a level, which is rounded here: its levels are the same or one less. */
  function expectPillow(actual: Uint8Array, pixels: string) {
    const expected = bytes(pixels);
    expect(actual.length).toBe(expected.length);
    const differences = new Set(actual.map((value, i) => value - (expected[i] as number)));
    expect([...differences].filter((difference) => difference !== 0 && difference !== 1)).toEqual([]);
  }

  test.each(reference.rotations)('rotated by $degrees about $centre', ({ degrees: angle, centre, pixels }) => {
    expectPillow(warp(picture, rotation(angle, centre), picture), pixels);
  });

  test.each(reference.shears)('sheared by $degrees about $centre', ({ degrees: angle, centre, pixels }) => {
    expectPillow(warp(picture, shear(angle, centre), picture), pixels);
  });

  test('through any matrix, into another size', () => {
    const { affine, pixels, ...size } = reference.affine;
    expectPillow(warp(picture, affine, size), pixels);
  });
});

describe('affineBounds', () => {
  test('are the picture where nothing moves, and one pixel more where it moves by less than one, and turn with it', () => {
    const size = { width: 7, height: 5 };
    expect(affineBounds([1, 0, 0, 0, 1, 0], size)).toEqual({ left: 0, top: 0, right: 7, bottom: 5 });
    expect(affineBounds([1, 0, 0.25, 0, 1, -0.25], size)).toEqual({ left: 0, top: -1, right: 8, bottom: 5 });
    expect(affineBounds([0, -1, 6, 1, 0, -1], size)).toEqual({ left: 1, top: -1, right: 6, bottom: 6 });
  });

  test('hold all that is read: cut to them, a picture gives the same output', () => {
    let cut = 0;
    fc.assert(
      fc.property(pictures, affines, sizes, (picture, affine, size) => {
        const bounds = affineBounds(affine, size);
        const left = Math.max(bounds.left, 0);
        const top = Math.max(bounds.top, 0);
        const width = Math.min(bounds.right, picture.width) - left;
        const height = Math.min(bounds.bottom, picture.height) - top;
        fc.pre(width > 0 && height > 0);
        if (width < picture.width || height < picture.height) cut++;
        const data = new Uint8Array(permuted(picture, { width, height }, (x, y) => [x + left, y + top]));
        const [a, b, c, d, e, f] = affine;
        const moved: Affine = [a, b, c - left, d, e, f - top];
        expect(warp({ data, width, height }, moved, size)).toEqual(warp(picture, affine, size));
      }),
    );
    expect(cut).toBeGreaterThan(0);
  });

  test('hold no row or column that is not read', () => {
    fc.assert(
      fc.property(affines, sizes, (affine, size) => {
        const { left, top, right, bottom } = affineBounds(affine, size);
        const [a, b, c, d, e, f] = affine;
        const centres = range(size.width * size.height).map((i): [number, number] => {
          const [x, y] = [(i % size.width) + 0.5, Math.floor(i / size.width) + 0.5];
          return [a * x + b * y + c - 0.5, d * x + e * y + f - 0.5];
        });
        const [xs, ys] = [centres.map(([x]) => x), centres.map(([, y]) => y)];
        const rounding = 1e-9;
        expect(left).toBeGreaterThan(Math.min(...xs) - 1 - rounding);
        expect(top).toBeGreaterThan(Math.min(...ys) - 1 - rounding);
        expect(right).toBeLessThan(Math.max(...xs) + 2 + rounding);
        expect(bottom).toBeLessThan(Math.max(...ys) + 2 + rounding);
      }),
    );
  });
});

/** A source whose normal draws are the given ones. */
function drawing(normals: number[]): Random {
  const left = [...normals];
  return { ...createRandom(0), normal: () => left.shift() as number };
}

describe('colours', () => {
  const levels = synthetic(reference).data.subarray(0, reference.width * 2 * 3);

  test.each(reference.colours)('shifted by $alpha as numpy does', ({ alpha, shift, pixels }) => {
    const actual = colourShift(drawing(alpha), 1);
    actual.forEach((change, i) => {
      expect(change).toBeCloseTo(shift[i] as number, 9);
    });
    expect(shiftColours(levels, actual)).toEqual(bytes(pixels));
  });

  test('shift along the principal components, which are at right angles', () => {
    const components = range(3).map((i) => colourShift(drawing(range(3).map((j) => (i === j ? 1 : 0))), 0.1));
    const product = (i: number, j: number) =>
      range(3).reduce((sum, k) => sum + (components[i]?.[k] as number) * (components[j]?.[k] as number), 0);
    const lengths = [0.2175, 0.0188, 0.0045].map((eigenvalue) => eigenvalue * 0.1 * 255);
    for (const i of range(3)) {
      for (const j of range(3)) {
        const cosine = product(i, j) / ((lengths[i] as number) * (lengths[j] as number));
        // The published figures have four decimals.
        expect(Math.abs(cosine - (i === j ? 1 : 0))).toBeLessThan(2e-4);
      }
    }
  });

  test('are rounded and clipped, in an array of their own', () => {
    fc.assert(
      fc.property(
        pictures,
        fc.tuple(...range(3).map(() => fc.double({ min: -300, max: 300, noNaN: true }))),
        ({ data }, shift) => {
          const before = data.slice();
          const shifted = shiftColours(data, shift as unknown as [number, number, number]);
          expect(data).toEqual(before);
          shifted.forEach((level, i) => {
            const exact = Math.min(Math.max((data[i] as number) + (shift[i % 3] as number), 0), 255);
            expect(Math.abs(level - exact)).toBeLessThanOrEqual(0.5);
          });
        },
      ),
    );
  });
});

describe('randomCorner', () => {
  test('takes every place where the crop fits, and no other', () => {
    const random = createRandom(3);
    const corners = range(500).map(() => randomCorner(random, { width: 10, height: 6 }, { width: 7, height: 6 }));
    expect(new Set(corners.map(({ x }) => x))).toEqual(new Set([0, 1, 2, 3]));
    expect(new Set(corners.map(({ y }) => y))).toEqual(new Set([0]));
    const tall = range(500).map(() => randomCorner(random, { width: 7, height: 9 }, { width: 7, height: 7 }));
    expect(new Set(tall.map(({ y }) => y))).toEqual(new Set([0, 1, 2]));
  });
});

describe('random numbers', () => {
  test.each(reference.random)('of seed $seed are those of the published generator', ({ seed, integers, normals }) => {
    const random = createRandom(seed);
    expect(integers.map(() => random.integer(2 ** 32))).toEqual(integers);
    const again = createRandom(seed);
    for (const expected of normals) expect(again.normal()).toBeCloseTo(expected, 12);
  });

  test('follow from the seed alone', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.maxSafeInteger(), (seed, other) => {
        const draws = (random: Random) =>
          range(5).flatMap(() => [random.uniform(0, 1), random.normal(), random.integer(1000)]);
        expect(draws(createRandom(seed))).toEqual(draws(createRandom(seed)));
        if (seed !== other) expect(draws(createRandom(seed))).not.toEqual(draws(createRandom(other)));
      }),
    );
    expect(() => createRandom(0.5)).toThrow(RangeError);
  });

  test('are within their range', () => {
    fc.assert(
      fc.property(
        fc.maxSafeInteger(),
        fc.integer({ min: 1, max: 2 ** 32 }),
        fc.integer({ min: -1000, max: 1000 }),
        fc.integer({ min: 1, max: 1000 }),
        (seed, below, low, span) => {
          const random = createRandom(seed);
          const integer = random.integer(below);
          expect(Number.isInteger(integer)).toBe(true);
          expect(integer).toBeGreaterThanOrEqual(0);
          expect(integer).toBeLessThan(below);
          const real = random.uniform(low, low + span);
          expect(real).toBeGreaterThanOrEqual(low);
          expect(real).toBeLessThan(low + span);
        },
      ),
    );
  });

  test('are spread evenly, over ranges that do not divide 2^32 as well', () => {
    const random = createRandom(11);
    const count = 30_000;
    const third = range(count).filter(() => random.integer(3) === 0).length / count;
    expect(Math.abs(third - 1 / 3)).toBeLessThan(0.01);
    // Without the draws that are thrown away, the lower third would come twice as often as it should.
    const below = 3 * 2 ** 30;
    const lower = range(count).filter(() => random.integer(below) < 2 ** 30).length / count;
    expect(Math.abs(lower - 1 / 3)).toBeLessThan(0.01);
    const uniform = range(count).map(() => random.uniform(-2, 4));
    expect(Math.abs(uniform.reduce((sum, x) => sum + x, 0) / count - 1)).toBeLessThan(0.04);
    expect(Math.abs(uniform.filter((x) => x < -0.5).length / count - 0.25)).toBeLessThan(0.01);
  });

  test('are normal: mean, variance, and shares within one and two deviations', () => {
    const random = createRandom(5);
    const count = 40_000;
    const draws = range(count).map(() => random.normal());
    const mean = draws.reduce((sum, x) => sum + x, 0) / count;
    expect(Math.abs(mean)).toBeLessThan(0.02);
    expect(Math.abs(draws.reduce((sum, x) => sum + (x - mean) ** 2, 0) / count - 1)).toBeLessThan(0.03);
    expect(Math.abs(draws.filter((x) => Math.abs(x) < 1).length / count - 0.6827)).toBeLessThan(0.01);
    expect(Math.abs(draws.filter((x) => Math.abs(x) < 2).length / count - 0.9545)).toBeLessThan(0.005);
    // One draw says nothing of the next, which may come from the same pair.
    const product = draws.reduce((sum, x, i) => sum + x * (draws[i + 1] ?? 0), 0) / count;
    expect(Math.abs(product)).toBeLessThan(0.02);
  });
});
