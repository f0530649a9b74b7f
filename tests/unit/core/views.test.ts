import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CROPS } from '../../../src/core/manifest/crops.js';
import type { Resize } from '../../../src/core/manifest/manifest.js';
import type { Point, Size } from '../../../src/core/pixels/geometry.js';
import { cropViews, type Geometry, geometryOf, type View } from '../../../src/core/views/views.js';

const geometry = (size: number, input: Size): Geometry => ({
  input,
  resize: { mode: 'shorter_side', size, filter: 'bilinear' },
  color: 'RGB',
});
const IMAGENET = geometry(256, { width: 224, height: 224 });

/** Geometries with odd and even sizes, the input square or not and sometimes as large as the resized picture. */
const geometries = fc
  .tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }), fc.nat(20))
  .map(([width, height, more]) => geometry(Math.max(width, height) + more, { width, height }));
const sources = fc.oneof(
  fc.record({ width: fc.integer({ min: 1, max: 600 }), height: fc.integer({ min: 1, max: 600 }) }),
  fc.integer({ min: 1, max: 300 }).map((side) => ({ width: side, height: side })),
  fc.constantFrom({ width: 1, height: 3000 }, { width: 3000, height: 1 }, { width: 1, height: 1 }),
);

/** torchvision's Resize(size): `int(size * long / short)`. */
function torchResize({ width, height }: Size, size: number): Size {
  return width <= height
    ? { width: size, height: Math.floor((size * height) / width) }
    : { width: Math.floor((size * width) / height), height: size };
}

/** Python's round of a number of halves. */
function pythonRound(halves: number): number {
  if (halves % 2 === 0) return halves / 2;
  const below = (halves - 1) / 2;
  return below % 2 === 0 ? below : below + 1;
}

/** torchvision's five_crop: where it cuts a picture of a size. */
function torchFive(picture: Size, { width: w, height: h }: Size): Point[] {
  const [right, bottom] = [picture.width - w, picture.height - h];
  const centre = { x: pythonRound(right), y: pythonRound(bottom) };
  return [{ x: 0, y: 0 }, { x: right, y: 0 }, { x: 0, y: bottom }, { x: right, y: bottom }, centre];
}

/** Which column and row of the resized picture is seen in the four corners of a view. */
function cornersOf({ window, mirrored }: View): number[][] {
  if (!window) throw new Error('a view without a window');
  const columns = [window.x, window.x + window.width - 1];
  if (mirrored) columns.reverse();
  return [window.y, window.y + window.height - 1].flatMap((y) => columns.map((x) => [x, y]));
}

/** Every view as often as it counts. */
const repeated = (views: readonly View[]) => views.flatMap((view) => Array<View>(view.count).fill(view));
/** Equal ones once, in the order of their first. */
const once = (looks: readonly unknown[]) => [...new Set(looks.map((look) => JSON.stringify(look)))];

function expectWithin(views: readonly View[]): void {
  for (const { window } of views) {
    if (!window) throw new Error('a view without a window');
    const { x, y, width, height, resized } = window;
    expect(Math.min(x, y, width - 1, height - 1)).toBeGreaterThanOrEqual(0);
    expect(x + width).toBeLessThanOrEqual(resized.width);
    expect(y + height).toBeLessThanOrEqual(resized.height);
  }
}

describe('the crops of torchvision', () => {
  test('one is the centre, five are the corners and the centre, in its order', () => {
    fc.assert(
      fc.property(sources, geometries, (source, look) => {
        const size = (look.resize as { size: number }).size;
        const resized = torchResize(source, size);
        const corners = torchFive(resized, look.input);
        const asWindows = (points: readonly Point[]) => once(points.map(({ x, y }) => ({ x, y })));
        const found = (crops: 1 | 5) =>
          cropViews(source, look, crops).map(({ window, mirrored }) => {
            expect(mirrored).toBe(false);
            expect(window).toMatchObject({ ...look.input, resized });
            return JSON.stringify({ x: window?.x, y: window?.y });
          });
        expect(found(5)).toEqual(asWindows(corners));
        expect(found(1)).toEqual(asWindows(corners.slice(4)));
      }),
    );
  });

  test('ten are those and the same five of the mirrored picture', () => {
    fc.assert(
      fc.property(sources, geometries, (source, look) => {
        const { input } = look;
        const resized = torchResize(source, (look.resize as { size: number }).size);
        // The columns of the mirrored picture, counted in the picture itself.
        const looks = [false, true].flatMap((mirrored) =>
          torchFive(resized, input).map(({ x, y }) => {
            const column = (at: number) => (mirrored ? resized.width - 1 - at : at);
            return [y, y + input.height - 1].flatMap((row) => [x, x + input.width - 1].map((at) => [column(at), row]));
          }),
        );
        const views = cropViews(source, look, 10);
        // A column that is its own mirror image looks the same both ways to this test, but is two views.
        if (input.width > 1) expect(views.map((view) => JSON.stringify(cornersOf(view)))).toEqual(once(looks));
        const counted = repeated(views).map((view) => JSON.stringify(cornersOf(view)));
        expect(counted.sort()).toEqual(looks.map((corners) => JSON.stringify(corners)).sort());
      }),
    );
  });

  test('the centre of the mirrored picture is a pixel off where the margins are odd', () => {
    // 341 wide: margins of 58.5, which becomes 58 in the picture and in its mirror image alike.
    const views = cropViews({ width: 500, height: 375 }, IMAGENET, 10);
    expect(views).toHaveLength(10);
    expect(views[4]?.window).toMatchObject({ x: 58, y: 16 });
    expect(views[9]?.window).toMatchObject({ x: 59, y: 16 });
    expect(views.map(({ mirrored }) => mirrored)).toEqual([...Array(5).fill(false), ...Array(5).fill(true)]);
    // The upper left corner of the mirrored picture is the upper right one of the picture.
    expect(views[5]?.window).toMatchObject({ x: 117, y: 0 });
  });
});

describe("GoogLeNet's 144 crops", () => {
  const squaresOf = (views: readonly View[], shorter: number) =>
    views.flatMap(({ window, mirrored }) =>
      window?.width === shorter && window.height === shorter && !mirrored ? [{ x: window.x, y: window.y }] : [],
    );

  test.each([
    { name: 'landscape', source: { width: 500, height: 375 }, along: 'x', across: 'y', side: 'width' },
    { name: 'portrait', source: { width: 375, height: 500 }, along: 'y', across: 'x', side: 'height' },
  ] as const)('of a picture in $name', ({ source, along, across, side }) => {
    const views = cropViews(source, IMAGENET, 144);
    expect(views).toHaveLength(144);
    expect(views.every(({ count }) => count === 1)).toBe(true);
    expect(views.filter(({ mirrored }) => mirrored)).toHaveLength(72);
    expectWithin(views);
    for (const shorter of [256, 288, 320, 352]) {
      const resized = torchResize(source, shorter);
      const ofScale = views.filter(({ window }) => window?.resized[side] === resized[side]);
      expect(ofScale).toHaveLength(36);
      const margin = resized[side] - shorter;
      const squares = squaresOf(ofScale, shorter);
      // Left, centre and right, or top, centre and bottom.
      expect(squares.map((at) => at[along])).toEqual([0, pythonRound(margin), margin]);
      expect(squares.map((at) => at[across])).toEqual([0, 0, 0]);
      // Within each square the four corners and the centre, as a picture of its own.
      const expected = squares.flatMap((square) =>
        torchFive({ width: shorter, height: shorter }, IMAGENET.input).map(({ x, y }) => ({
          x: square.x + x,
          y: square.y + y,
        })),
      );
      for (const mirrored of [false, true]) {
        const found = ofScale.flatMap((view) =>
          view.window?.width === 224 && view.mirrored === mirrored ? [{ x: view.window.x, y: view.window.y }] : [],
        );
        expect(found).toEqual(expected);
      }
    }
  });

  test('of a square picture are 48, each of them three times', () => {
    for (const side of [1, 224, 255, 1000]) {
      const views = cropViews({ width: side, height: side }, IMAGENET, 144);
      expect(views).toHaveLength(48);
      expect(views.every(({ count }) => count === 3)).toBe(true);
    }
  });

  test('scale with the size a network wants', () => {
    const views = cropViews({ width: 60, height: 40 }, geometry(40, { width: 32, height: 32 }), 144);
    const heights = new Set(views.map(({ window }) => window?.resized.height));
    expect([...heights]).toEqual([40, 45, 50, 55]);
  });
});

test('weights sum to the number asked for, no view stands there twice, and all lie within the resized picture', () => {
  fc.assert(
    fc.property(sources, geometries, fc.constantFrom(...CROPS), (source, look, crops) => {
      const views = cropViews(source, look, crops);
      expect(views.reduce((sum, { count }) => sum + count, 0)).toBe(crops);
      expect(new Set(views.map((view) => JSON.stringify({ ...view, count: 0 }))).size).toBe(views.length);
      expectWithin(views);
    }),
  );
});

describe('pictures out of the ordinary', () => {
  test('1 x 3000, both ways', () => {
    const views = cropViews({ width: 1, height: 3000 }, IMAGENET, 10);
    expect(views.map(({ window }) => window?.resized.height)).toEqual(Array(10).fill(768_000));
    expect(Math.max(...views.map(({ window }) => window?.y ?? 0))).toBe(768_000 - 224);
    const wide = cropViews({ width: 3000, height: 1 }, IMAGENET, 144);
    expect(wide).toHaveLength(144);
    expect(Math.max(...wide.map(({ window }) => window?.resized.width ?? 0))).toBe(352 * 3000);
    expectWithin(wide);
  });

  test('one as large as the input has one view, seen ten times and both ways', () => {
    const cifar = geometry(32, { width: 32, height: 32 });
    expect(cropViews({ width: 32, height: 32 }, cifar, 5)).toMatchObject([{ count: 5 }]);
    const ten = cropViews({ width: 32, height: 32 }, cifar, 10);
    expect(ten).toMatchObject([
      { mirrored: false, count: 5, window: { x: 0, y: 0 } },
      { mirrored: true, count: 5, window: { x: 0, y: 0 } },
    ]);
  });

  test('one smaller than the crop is enlarged first', () => {
    const views = cropViews({ width: 3, height: 2 }, IMAGENET, 10);
    expect(views).toHaveLength(10);
    expect(views[0]?.window?.resized).toEqual({ width: 384, height: 256 });
  });
});

describe('padding', () => {
  const look: Geometry = {
    input: { width: 32, height: 32 },
    resize: { mode: 'shorter_side', size: 32, filter: 'bilinear', padding: 4 },
    color: 'RGB',
  };

  test('has the crops cut from a picture with a border, as torchvision would cut it', () => {
    for (const source of [
      { width: 32, height: 32 },
      { width: 32, height: 47 },
    ]) {
      const padded = { width: source.width + 8, height: source.height + 8 };
      const expected = torchFive(padded, look.input).map(({ x, y }) => ({ x: x - 4, y: y - 4 }));
      const views = cropViews(source, look, 10);
      const seen = views.filter(({ mirrored }) => !mirrored).map(({ window }) => ({ x: window?.x, y: window?.y }));
      expect(once(seen)).toEqual(once(expected));
      const flipped = views.filter(({ mirrored }) => mirrored).map(({ window }) => window?.x);
      expect(new Set(flipped)).toEqual(new Set(expected.map(({ x }) => source.width - 32 - x)));
      expect(views.reduce((sum, { count }) => sum + count, 0)).toBe(10);
    }
  });

  test('makes ten different crops of a picture as large as the input, and leaves a single one as it is', () => {
    const source = { width: 32, height: 32 };
    expect(cropViews(source, look, 10)).toHaveLength(10);
    expect(cropViews(source, look, 1)).toEqual(cropViews(source, geometry(32, look.input), 1));
  });
});

describe('networks that see the whole picture or look for a digit', () => {
  const input = { width: 28, height: 28 };
  const resizes: Resize[] = [{ mode: 'exact', filter: 'bilinear' }, { mode: 'digit' }];

  test('see it once', () => {
    const [exact, digit] = resizes.map((resize) =>
      cropViews({ width: 50, height: 40 }, { input, resize, color: 'GRAY' }, 1),
    );
    expect(exact).toEqual([{ window: { x: 0, y: 0, ...input, resized: input }, mirrored: false, count: 1 }]);
    expect(digit).toEqual([{ window: undefined, mirrored: false, count: 1 }]);
  });
});

test('networks that differ in names, normalisation and order of channels have one geometry', () => {
  const preprocess = {
    resize: { mode: 'shorter_side', size: 256, filter: 'bilinear' },
    color: 'RGB',
    scale: 1,
    mean: [0, 0, 0],
    std: [1, 1, 1],
  } as const;
  const input = { name: 'data', layout: 'NCHW', width: 224, height: 224 } as const;
  const one = geometryOf({ input, preprocess: { ...preprocess, mean: [0, 0, 0], std: [1, 1, 1] } });
  const other = geometryOf({
    input: { ...input, name: 'x', layout: 'NHWC' },
    preprocess: { ...preprocess, color: 'BGR', scale: 1 / 255, mean: [1, 2, 3], std: [4, 5, 6] },
  });
  // As text too: groups are told apart by it.
  expect(JSON.stringify(other)).toBe(JSON.stringify(one));
  expect(one).toEqual(IMAGENET);
  expect(geometryOf({ input, preprocess: { ...preprocess, color: 'GRAY', mean: [0], std: [1] } }).color).toBe('GRAY');
});
