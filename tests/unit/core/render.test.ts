import fc from 'fast-check';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { CROPS } from '../../../src/core/manifest/crops.js';
import { rotation, shear, warp } from '../../../src/core/pixels/augment.js';
import type { Box, Size, Window } from '../../../src/core/pixels/geometry.js';
import type { Picture } from '../../../src/core/pixels/picture.js';
import { resizeWindow } from '../../../src/core/pixels/resample.js';
import { createRandom } from '../../../src/core/random.js';
import { partSeen, renderViews } from '../../../src/core/views/render.js';
import { parseAugmentation, viewsOf } from '../../../src/core/views/test-time.js';
import { cropViews, type Geometry, type View } from '../../../src/core/views/views.js';

// What is resized is counted.
vi.mock('../../../src/core/pixels/resample.js', async (original) => {
  const module = await original<typeof import('../../../src/core/pixels/resample.js')>();
  return { ...module, resizeWindow: vi.fn(module.resizeWindow) };
});

function noise({ width, height }: Size, seed: number): Picture {
  const random = createRandom(seed);
  return { data: Uint8Array.from({ length: width * height * 3 }, () => random.integer(256)), width, height };
}

/** The level of Pillow's `convert('L')`, in all three channels. */
function grey({ data, width, height }: Picture): Picture {
  const levels = Uint8Array.from(data, (_, i) => {
    const [r, g, b] = data.subarray(i - (i % 3)) as unknown as [number, number, number];
    return (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
  });
  return { data: levels, width, height };
}

const whole = (size: Size): Window => ({ x: 0, y: 0, ...size, resized: size });

/** Pixels in their places, one after the other. */
function pixelsAt(size: Size, from: (x: number, y: number) => Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(size.width * size.height * 3);
  for (let p = 0; p < size.width * size.height; p++) {
    out.set(from(p % size.width, Math.floor(p / size.width)), p * 3);
  }
  return out;
}
/** Black beyond the edges. */
const pixelOf = ({ data, width, height }: Picture, x: number, y: number) =>
  x < 0 || y < 0 || x >= width || y >= height
    ? Uint8Array.of(0, 0, 0)
    : data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3);

/** One view the long way: the whole picture resized, distorted or cut, brought to size, mirrored, its colours changed. */
function naive(source: Picture, { input, resize, color }: Geometry, view: View): Uint8Array {
  const { window, distortion, mirrored, colourShift } = view;
  if (!window || resize.mode === 'digit') throw new Error('a view without a window');
  const { resized, x: left, y: top } = window;
  const picture = color === 'GRAY' ? grey(source) : source;
  const large = { data: resizeWindow(picture, whole(resized), resize.filter), ...resized };
  let seen: Picture = { width: window.width, height: window.height, data: new Uint8Array() };
  if (distortion) {
    const middle = { x: window.width / 2, y: window.height / 2 };
    const { rotate, shear: slant } = distortion;
    const [a, b, c, d, e, f] = rotate === 0 ? shear(slant, middle) : rotation(rotate, middle);
    seen.data = warp(large, [a, b, c + left, d, e, f + top], window);
  } else seen.data = pixelsAt(window, (x, y) => pixelOf(large, left + x, top + y));
  if (seen.width !== input.width || seen.height !== input.height) {
    seen = { data: resizeWindow(seen, whole(input), resize.filter), ...input };
  }
  const plain = seen;
  const turned = mirrored ? pixelsAt(input, (x, y) => pixelOf(plain, input.width - 1 - x, y)) : plain.data;
  const shifted = Uint8ClampedArray.from(turned, (level, i) => level + (colourShift?.[i % 3] ?? 0));
  return Uint8Array.from(color === 'GRAY' ? shifted.filter((_, i) => i % 3 === 0) : shifted);
}

/** What decoding keeps of a picture of which only a part is looked at. */
function onlyPart({ data, width, height }: Picture, part: Box): Picture {
  const rows = Array.from({ length: part.height }, (_, i) => {
    const start = (part.y + i) * width + part.x;
    return data.subarray(3 * start, 3 * (start + part.width));
  });
  return { data: Uint8Array.from(Buffer.concat(rows)), width, height, part };
}

function expectNaive(source: Picture, look: Geometry, views: readonly View[]): void {
  const rendered = renderViews(source, look, views);
  const part = partSeen(source, look, views);
  expect(Buffer.compare(renderViews(onlyPart(source, part), look, views), rendered), 'of the part that is seen').toBe(
    0,
  );
  const length = rendered.length / views.length;
  expect(length).toBe(look.input.width * look.input.height * (look.color === 'GRAY' ? 1 : 3));
  for (const [i, view] of views.entries()) {
    const found = rendered.subarray(i * length, (i + 1) * length);
    if (Buffer.compare(found, naive(source, look, view)) !== 0) {
      expect([view, found]).toEqual([view, naive(source, look, view)]);
    }
  }
}

const sizes = fc.record({ width: fc.integer({ min: 1, max: 60 }), height: fc.integer({ min: 1, max: 60 }) });
const geometries = fc
  .record({
    input: fc.record({ width: fc.integer({ min: 1, max: 14 }), height: fc.integer({ min: 1, max: 14 }) }),
    more: fc.nat(8),
    border: fc.constantFrom(0, 0, 1, 4),
    filter: fc.constantFrom('bilinear', 'bicubic', 'lanczos'),
    color: fc.constantFrom('RGB', 'GRAY'),
  })
  .map(
    ({ input, more, border, filter, color }): Geometry => ({
      input,
      resize: {
        mode: 'shorter_side',
        size: Math.max(input.width, input.height) + more,
        filter,
        // As manifests may have it: less than the input.
        ...(border > 0 && border < Math.min(input.width, input.height) ? { padding: border } : {}),
      },
      color,
    }),
  );

const resizes = vi.mocked(resizeWindow);
beforeEach(() => {
  resizes.mockClear();
});

describe('every view equals the same cut from the whole resized picture', () => {
  test.each(CROPS)('%i crops of pictures of any size', (crops) => {
    fc.assert(
      fc.property(sizes, geometries, fc.nat(), (size, look, seed) => {
        const picture = noise(size, seed);
        expectNaive(picture, look, cropViews(picture, look, crops));
      }),
      { numRuns: crops === 144 ? 30 : 80 },
    );
  });

  test('random crops, turned, sheared, mirrored and in other colours', () => {
    const tta = fc.constantFrom(
      'rotate:10',
      'rotate:180,crops:3',
      'shear:45,mirror',
      'colour:2,rotate:30',
      'mirror,crops:4,rotate:10,shear:5,colour:0.1',
    );
    fc.assert(
      fc.property(sizes, geometries, tta, fc.constantFrom(1, 5, 10), fc.nat(), (size, look, text, crops, seed) => {
        const picture = noise(size, seed);
        const views = viewsOf(picture, look, { crops, augmentation: parseAugmentation(text), seed });
        expectNaive(picture, look, views);
      }),
    );
  });

  test('the whole squares of 144 crops, turned', () => {
    const look: Geometry = {
      input: { width: 8, height: 8 },
      resize: { mode: 'shorter_side', size: 10, filter: 'bilinear' },
      color: 'RGB',
    };
    const picture = noise({ width: 30, height: 20 }, 1);
    const views = viewsOf(picture, look, { crops: 144, augmentation: parseAugmentation('rotate:20'), seed: 1 });
    expectNaive(picture, look, views);
  });

  test('a picture squeezed to the input, turned', () => {
    const look: Geometry = {
      input: { width: 9, height: 6 },
      resize: { mode: 'exact', filter: 'bicubic' },
      color: 'RGB',
    };
    const picture = noise({ width: 40, height: 7 }, 2);
    const options = { crops: 1, augmentation: parseAugmentation('rotate:90,shear:10,mirror'), seed: 3 } as const;
    expectNaive(picture, look, viewsOf(picture, look, options));
  });

  test('no more of a picture is wanted than is seen', () => {
    const look: Geometry = {
      input: { width: 10, height: 10 },
      resize: { mode: 'shorter_side', size: 10, filter: 'bilinear' },
      color: 'RGB',
    };
    const partOf = (size: Size) => partSeen(size, look, cropViews(size, look, 1));
    // A tenth as large: from the middle a square, half an output pixel's reach around it, and up to two pixels of no weight.
    expect(partOf({ width: 300, height: 100 })).toEqual({ x: 95, y: 0, width: 112, height: 100 });
    expect(partOf({ width: 100, height: 300 })).toEqual({ x: 0, y: 95, width: 100, height: 112 });
    expect(partOf({ width: 100, height: 100 })).toEqual({ x: 0, y: 0, width: 100, height: 100 });
  });

  test('the picture itself is not changed', () => {
    const look: Geometry = {
      input: { width: 8, height: 8 },
      resize: { mode: 'exact', filter: 'bilinear' },
      color: 'GRAY',
    };
    const picture = noise({ width: 8, height: 8 }, 4);
    const before = picture.data.slice();
    const options = { crops: 1, augmentation: parseAugmentation('mirror,colour:1'), seed: 5 } as const;
    renderViews(picture, look, viewsOf(picture, look, options));
    expect(picture.data).toEqual(before);
  });
});

describe('the work it takes', () => {
  const imagenet: Geometry = {
    input: { width: 224, height: 224 },
    resize: { mode: 'shorter_side', size: 256, filter: 'bilinear' },
    color: 'RGB',
  };
  /** Windows that were cut from the picture, and not from a part of it. */
  const cutsOf = (picture: Picture) => resizes.mock.calls.filter(([from]) => from === picture).map((call) => call[1]);
  const pixels = (windows: readonly Size[]) => windows.reduce((sum, { width, height }) => sum + width * height, 0);

  test('a picture is resized once for each scale', () => {
    const picture = noise({ width: 300, height: 250 }, 6);
    renderViews(picture, imagenet, cropViews(picture, imagenet, 10));
    expect(cutsOf(picture)).toHaveLength(1);
    resizes.mockClear();
    renderViews(picture, imagenet, cropViews(picture, imagenet, 144));
    expect(cutsOf(picture).map(({ height }) => height)).toEqual([256, 288, 320, 352]);
  });

  test('for one crop only that is resized', () => {
    const picture = noise({ width: 300, height: 250 }, 7);
    renderViews(picture, imagenet, cropViews(picture, imagenet, 1));
    expect(cutsOf(picture)).toMatchObject([{ width: 224, height: 224 }]);
  });

  test.each([
    { width: 1, height: 3000 },
    { width: 3000, height: 1 },
  ])('of a picture of $width x $height only what is seen is made', (size) => {
    const picture = noise(size, 8);
    for (const crops of [10, 144] as const) {
      const views = cropViews(picture, imagenet, crops);
      resizes.mockClear();
      const rendered = renderViews(picture, imagenet, views);
      const windows = views.flatMap(({ window }) => window ?? []);
      expect(pixels(cutsOf(picture))).toBeLessThanOrEqual(pixels(windows));
      // The whole would be 196 million pixels, so each crop is compared with itself cut alone.
      const length = 224 * 224 * 3;
      for (const [i, { window, mirrored }] of views.entries()) {
        if (window?.width !== 224) continue;
        const alone = { data: resizeWindow(picture, window, 'bilinear'), width: 224, height: 224 };
        const expected = mirrored ? pixelsAt(alone, (x, y) => pixelOf(alone, 223 - x, y)) : alone.data;
        expect(Buffer.compare(rendered.subarray(i * length, (i + 1) * length), expected)).toBe(0);
      }
    }
  });
});
