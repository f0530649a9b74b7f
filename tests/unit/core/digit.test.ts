import { describe, expect, it } from 'vitest';
import { prepareDigit } from '../../../src/core/digit/prepare-digit.js';
import type { Picture } from '../../../src/core/pixels/picture.js';
import { drawDigit, randomFrom } from '../../support/drawn-digits.js';

const lenet = { height: 32, width: 32 };

function picture(width: number, height: number, level: (x: number, y: number) => number): Picture {
  const data = new Uint8Array(width * height * 3);
  for (let p = 0; p < width * height; p++) data.fill(level(p % width, Math.floor(p / width)), p * 3, p * 3 + 3);
  return { data, width, height };
}

const negative = (source: Picture): Picture => ({ ...source, data: source.data.map((level) => 255 - level) });

/** Where a plane has ink (levels above 24), and its centre of mass. */
function inkOf(plane: Uint8Array, width = 32) {
  const [xs, ys]: [number[], number[]] = [[], []];
  let [mass, x, y] = [0, 0, 0];
  plane.forEach((level, i) => {
    mass += level;
    x += level * (i % width);
    y += level * Math.floor(i / width);
    if (level <= 24) return;
    xs.push(i % width);
    ys.push(Math.floor(i / width));
  });
  const extent = (all: number[]) => Math.max(...all) - Math.min(...all) + 1;
  return { mass, width: extent(xs), height: extent(ys), x: x / mass, y: y / mass };
}

/** Mean absolute difference in levels. */
const difference = (a: Uint8Array, b: Uint8Array) =>
  a.reduce((sum, level, i) => sum + Math.abs(level - (b[i] ?? 0)), 0) / a.length;

/** How alike two planes are: their correlation (1: the same), at best over shifts by a pixel, which rounding may cause. */
function likeness(a: Uint8Array, b: Uint8Array): number {
  const norm = (plane: Uint8Array) => Math.sqrt(plane.reduce((sum, level) => sum + level * level, 0));
  const shifts = [-33, -32, -31, -1, 0, 1, 31, 32, 33];
  const products = shifts.map((shift) => a.reduce((sum, level, i) => sum + level * (b[i + shift] ?? 0), 0));
  return Math.max(...products) / (norm(a) * norm(b));
}

function expectMnistForm(plane: Uint8Array): void {
  const ink = inkOf(plane);
  expect(Math.max(ink.width, ink.height)).toBeGreaterThanOrEqual(19);
  expect(Math.max(ink.width, ink.height)).toBeLessThanOrEqual(20);
  expect(Math.abs(ink.x - 16)).toBeLessThanOrEqual(0.6);
  expect(Math.abs(ink.y - 16)).toBeLessThanOrEqual(0.6);
  expect(Math.max(...plane)).toBe(255);
}

describe('a digit becomes what MNIST holds', () => {
  it('is light on black, 20 pixels long, its centre of mass in the middle', () => {
    for (let digit = 0; digit < 10; digit++) expectMnistForm(prepareDigit(drawDigit({ digit }), lenet));
  });

  it('is the same for dark on light and light on dark', () => {
    const drawn = drawDigit({ digit: 5 });
    expect(difference(prepareDigit(drawn, lenet), prepareDigit(negative(drawn), lenet))).toBeLessThan(1);
  });

  it.each([
    ['off centre', { width: 900, height: 600, size: 180, at: [720, 130] }],
    ['filling the picture', { width: 156, height: 204 }],
    ['on a wide canvas', { width: 1200, height: 240 }],
  ] as const)('does not depend on where it stands: %s', (_, drawing) => {
    const [plain, moved] = [{ digit: 2 }, { digit: 2, ...drawing }].map((one) => prepareDigit(drawDigit(one), lenet));
    expectMnistForm(moved as Uint8Array);
    expect(likeness(plain as Uint8Array, moved as Uint8Array)).toBeGreaterThan(0.9);
  });

  it('hardly depends on its size', () => {
    const small = prepareDigit(drawDigit({ digit: 3, width: 60, height: 60, size: 45, pen: 4 }), lenet);
    const large = prepareDigit(drawDigit({ digit: 3, width: 2400, height: 2400, size: 1800, pen: 160 }), lenet);
    expectMnistForm(small);
    expectMnistForm(large);
    expect(likeness(small, large)).toBeGreaterThan(0.9);
  });

  it('leaves a picture of the form of MNIST as it is', () => {
    for (let digit = 0; digit < 10; digit++) {
      const once = prepareDigit(drawDigit({ digit }), lenet);
      for (const source of [once, once.map((level) => 255 - level)]) {
        const again = prepareDigit(
          picture(32, 32, (x, y) => source[y * 32 + x] ?? 0),
          lenet,
        );
        expect(difference(once, again), `digit ${digit}`).toBeLessThan(1);
      }
    }
  });

  it('leaves a digit of MNIST itself as it is, to the last level, in black and in white', () => {
    const field = { height: 28, width: 28 };
    for (let digit = 0; digit < 10; digit++) {
      const source = prepareDigit(drawDigit({ digit, pen: 24 }), field);
      // Faint pixels, which would be taken for noise.
      for (const [i, level] of source.entries()) if (level > 0 && level < 40) source[i] = 3;
      const { x, y } = inkOf(source, 28);
      if (Math.max(Math.abs(x - 14), Math.abs(y - 14)) > 0.5) continue;
      const grey = picture(28, 28, (x, y) => source[y * 28 + x] ?? 0);
      for (const form of [grey, negative(grey)]) expect(prepareDigit(form, field)).toEqual(source);
    }
  });

  it('serves networks of 28x28 with the same field, and others in proportion', () => {
    const drawn = drawDigit({ digit: 4 });
    const [wide, narrow] = [prepareDigit(drawn, lenet), prepareDigit(drawn, { height: 28, width: 28 })];
    const inner = Array.from({ length: 784 }, (_, i) => wide[(Math.floor(i / 28) + 2) * 32 + (i % 28) + 2]);
    expect([...narrow]).toEqual(inner);
    const double = inkOf(prepareDigit(drawn, { height: 64, width: 64 }), 64);
    expect(Math.max(double.width, double.height)).toBe(40);
  });
});

describe('what is no part of the digit is left out', () => {
  const clean = { digit: 8, ink: [30, 30, 60] as const };
  const expected = prepareDigit(drawDigit(clean), lenet);
  const random = randomFrom(1);
  const noise = Float32Array.from({ length: 280 * 280 }, () => random() * 24);
  const grey = (level: number) => [level, level, level] as const;

  it.each([
    ['paper in uneven light', (x: number, y: number) => grey(240 - x * 0.35 - y * 0.15)],
    ['noise', (x: number, y: number) => grey(220 + (noise[y * 280 + x] ?? 0))],
    ['ruled lines', (_: number, y: number) => (y % 30 < 2 ? ([170, 190, 230] as const) : grey(250))],
    ['the edge of a shadow', (x: number, y: number) => grey(x + y < 240 ? 150 : 225)],
    ['a frame', (x: number, y: number) => grey(Math.min(x, y, 279 - x, 279 - y) < 2 ? 0 : 255)],
    ['specks', (x: number, y: number) => grey(x % 67 < 3 && y % 71 < 3 ? 0 : 255)],
  ] as const)('%s', (_, paper) => {
    const plane = prepareDigit(drawDigit({ ...clean, paper }), lenet);
    expectMnistForm(plane);
    expect(likeness(plane, expected)).toBeGreaterThan(0.9);
  });

  it('the table around the sheet', () => {
    const onSheet = (x: number, y: number) => Math.abs(x - 400) < 300 && Math.abs(y - 300) < 220;
    const paper = (x: number, y: number) => grey(onSheet(x, y) ? 230 : 70);
    const plane = prepareDigit(drawDigit({ ...clean, width: 800, height: 600, size: 180, paper }), lenet);
    expect(likeness(plane, expected)).toBeGreaterThan(0.9);
  });

  it('the table on two sides of the sheet', () => {
    const paper = (x: number, y: number) => grey(x < 700 && y < 500 ? 230 : 70);
    for (let digit = 0; digit < 10; digit++) {
      const one = { digit, ink: [30, 30, 60] as const, width: 800, height: 600, size: 180 };
      const plane = prepareDigit(drawDigit({ ...one, paper }), lenet);
      expect(likeness(plane, prepareDigit(drawDigit(one), lenet)), `digit ${digit}`).toBeGreaterThan(0.9);
    }
  });

  it('the smaller of two digits that stand apart', () => {
    const first = drawDigit({ ...clean, width: 500, height: 280, at: [140, 140] });
    const second = drawDigit({ digit: 3, width: 500, height: 280, size: 100, at: [380, 140] });
    const both = { ...first, data: first.data.map((level, i) => Math.min(level, second.data[i] ?? 255)) };
    expect(likeness(prepareDigit(both, lenet), expected)).toBeGreaterThan(0.9);
  });
});

describe('strokes of any strength', () => {
  it.each([1, 2, 6])('a pen of %i pixels on a canvas of 280 reads as a firm stroke', (pen) => {
    const plane = prepareDigit(drawDigit({ digit: 2, pen }), lenet);
    expectMnistForm(plane);
    const { mass } = inkOf(plane);
    expect(mass / 255).toBeGreaterThan(45);
  });

  it('faint pencil becomes full ink', () => {
    const plane = prepareDigit(drawDigit({ digit: 6, ink: [200, 200, 200], paper: () => [235, 235, 235] }), lenet);
    expectMnistForm(plane);
  });
});

describe('pictures that hold no digit, or hardly', () => {
  it.each([
    ['black', 40, 30, () => 0],
    ['white', 300, 200, () => 255],
    ['grey with the faintest noise', 64, 64, (x: number, y: number) => 128 + ((x * 7 + y * 13) % 4)],
    ['a smooth gradient', 200, 150, (x: number) => 180 + x / 5],
    ['one pixel', 1, 1, () => 200],
    ['a few dots on a large sheet', 600, 600, (x: number, y: number) => (x % 200 < 2 && y === 300 ? 0 : 255)],
  ] as const)('%s gives a blank plane', (_, width, height, level) => {
    expect(prepareDigit(picture(width, height, level), lenet).every((value) => value === 0)).toBe(true);
  });

  it.each([
    [1, 3000],
    [3000, 1],
    [2, 2],
    [3, 500],
  ])('%ix%i pixels of anything are taken', (width, height) => {
    const random = randomFrom(width);
    const plane = prepareDigit(
      picture(width, height, () => random() * 256),
      lenet,
    );
    expect(plane).toHaveLength(1024);
  });

  it('a bare stroke keeps its aspect ratio', () => {
    const plane = prepareDigit(
      picture(100, 100, (x, y) => (x >= 47 && x < 53 && y >= 10 && y < 90 ? 0 : 255)),
      lenet,
    );
    expect(inkOf(plane)).toMatchObject({ width: 2, height: 20 });
  });

  it('12 megapixels are read like any other', () => {
    const large = drawDigit({ digit: 9, width: 4000, height: 3000, size: 1500, pen: 90 });
    expectMnistForm(prepareDigit(large, lenet));
  });
});
