import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CROPS } from '../../../src/core/manifest/crops.js';
import type { Size } from '../../../src/core/pixels/geometry.js';
import {
  countViews,
  parseAugmentation,
  type TestTimeAugmentation,
  type ViewOptions,
  viewsOf,
} from '../../../src/core/views/test-time.js';
import { cropViews, type Geometry, type View } from '../../../src/core/views/views.js';

const IMAGENET: Geometry = {
  input: { width: 224, height: 224 },
  resize: { mode: 'shorter_side', size: 256, filter: 'bilinear' },
  color: 'RGB',
};
const NONE: TestTimeAugmentation = { mirror: false, crops: 0, rotate: 0, shear: 0, colour: 0, warp: 0 };

const look = (text: string, crops: ViewOptions['crops'] = 1, seed = 0): ViewOptions => ({
  crops,
  augmentation: parseAugmentation(text),
  seed,
});
const weightOf = (views: readonly View[]) => views.reduce((sum, { count }) => sum + count, 0);

const optionsOf = (crops: fc.Arbitrary<ViewOptions['crops']>, random: number, mirror: fc.Arbitrary<boolean>) =>
  fc.record({
    crops,
    augmentation: fc.record({
      mirror,
      crops: fc.nat(random),
      rotate: fc.constantFrom(0, 0.5, 180),
      shear: fc.constantFrom(0, 5, 45),
      colour: fc.constantFrom(0, 0.1, 2),
      warp: fc.constantFrom(0, 3, 20),
    }),
    seed: fc.nat(1_000_000),
  });
const sources = fc.record({ width: fc.integer({ min: 1, max: 600 }), height: fc.integer({ min: 1, max: 600 }) });
const isAffordable = (options: ViewOptions) => {
  const { mirror, crops, rotate, shear, colour, warp } = options.augmentation;
  const kinds = 1 + [rotate, shear, colour, warp].filter((amount) => amount > 0).length;
  return (options.crops + crops) * kinds * (mirror ? 2 : 1) <= 512;
};

describe('parseAugmentation', () => {
  test('reads any parts in any order', () => {
    const parts = ['mirror', 'crops:4', 'rotate:10', 'shear:5.5', 'colour:0.1', 'warp:3'];
    const all = { mirror: true, crops: 4, rotate: 10, shear: 5.5, colour: 0.1, warp: 3 };
    fc.assert(
      fc.property(fc.shuffledSubarray(parts), (chosen) => {
        const names = chosen.map((part) => part.split(':')[0] as keyof TestTimeAugmentation);
        const expected = { ...NONE, ...Object.fromEntries(names.map((name) => [name, all[name]])) };
        expect(parseAugmentation(chosen.join(','))).toEqual(expected);
      }),
    );
  });

  test('nothing is nothing, and stays so', () => {
    parseAugmentation('mirror,crops:4');
    expect(parseAugmentation(undefined)).toEqual(NONE);
    expect(parseAugmentation('')).toEqual(NONE);
  });

  test.each(['crops:100', 'rotate:180', 'shear:45', 'colour:2', 'colour:0.000001', 'warp:20'])('takes %s', (text) => {
    expect(Object.values(parseAugmentation(text))).toContain(Number(text.split(':')[1]));
  });

  test.each([
    ['flip', '"flip" is unknown or given twice'],
    ['mirror,mirror', '"mirror" is unknown or given twice'],
    ['crops:2,mirror,crops:3', '"crops:3" is unknown or given twice'],
    ['mirror:1', '"mirror:1" is unknown'],
    ['mirror,', '"" is unknown'],
    [' mirror', '" mirror" is unknown'],
    ['Mirror', '"Mirror" is unknown'],
    ['constructor:1', '"constructor:1" is unknown'],
    ['__proto__:1', '"__proto__:1" is unknown'],
    ['crops', '"crops" takes a whole number up to 100'],
    ['crops:', '"crops" takes a whole number up to 100'],
    ['crops:0', '"crops" takes a whole number up to 100'],
    ['crops:101', '"crops" takes a whole number up to 100'],
    ['crops:2.5', '"crops" takes a whole number up to 100'],
    ['crops:-1', '"crops" takes a whole number up to 100'],
    ['crops:1e1', '"crops" takes a whole number up to 100'],
    ['crops:4:5', '"crops" takes a whole number up to 100'],
    ['rotate:10:', '"rotate" takes a number up to 180'],
    ['rotate:180.1', '"rotate" takes a number up to 180'],
    ['rotate:NaN', '"rotate" takes a number up to 180'],
    ['shear:46', '"shear" takes a number up to 45'],
    ['shear:.5', '"shear" takes a number up to 45'],
    ['colour:2.1', '"colour" takes a number up to 2'],
    ['colour:0.0', '"colour" takes a number up to 2'],
    ['warp:21', '"warp" takes a number up to 20'],
    ['colour:Infinity', '"colour" takes a number up to 2'],
  ])('refuses %j and says why', (text, why) => {
    expect(() => parseAugmentation(text)).toThrowError(
      expect.objectContaining({ code: 'invalid_request', message: expect.stringContaining(why) }),
    );
  });
});

describe('countViews', () => {
  test('is the sum of the weights, and no fewer than the views that are computed', () => {
    const options = optionsOf(fc.constantFrom(...CROPS), 30, fc.boolean()).filter(isAffordable);
    fc.assert(
      fc.property(sources, options, (source, asked) => {
        const views = viewsOf(source, IMAGENET, asked);
        expect(weightOf(views)).toBe(countViews(asked));
        expect(views.length).toBeLessThanOrEqual(countViews(asked));
      }),
    );
  });

  test('is their number where no two views are equal', () => {
    // No mirror, no random places, and margins on both sides.
    const options = optionsOf(fc.constantFrom(1, 5, 10), 0, fc.constant(false));
    const size = fc.record({ width: fc.integer({ min: 100, max: 200 }), height: fc.integer({ min: 201, max: 400 }) });
    fc.assert(
      fc.property(size, options, (source, asked) => {
        expect(viewsOf(source, IMAGENET, asked)).toHaveLength(countViews(asked));
      }),
    );
  });

  test('allows 512 views and no more', () => {
    const allowed = (options: ViewOptions) => expect(countViews(options));
    allowed(look('mirror,colour:0.1,rotate:5,shear:3,crops:63', 1)).toBe(512);
    allowed(look('mirror', 144)).toBe(288);
    for (const [options, count] of [
      [look('mirror,colour:0.1,rotate:5,shear:3,crops:64', 1), 520],
      [look('colour:0.1,rotate:5,shear:3', 144), 576],
      [look('mirror,rotate:5', 144), 576],
      [look('rotate:5,shear:3,crops:27', 144), 513],
    ] as const) {
      expect(() => countViews(options)).toThrowError(
        expect.objectContaining({ code: 'invalid_request', message: expect.stringContaining(`${count} views`) }),
      );
    }
  });
});

describe('viewsOf', () => {
  const landscape: Size = { width: 500, height: 375 };

  test('without augmentation are the crops', () => {
    for (const crops of CROPS) {
      expect(viewsOf(landscape, IMAGENET, look('', crops))).toEqual(cropViews(landscape, IMAGENET, crops));
    }
  });

  test('the same seed gives the same views, another seed others', () => {
    const options = optionsOf(fc.constantFrom(...CROPS), 10, fc.boolean()).filter(
      (asked) => isAffordable(asked) && (asked.augmentation.rotate > 0 || asked.augmentation.colour > 0),
    );
    fc.assert(
      fc.property(sources, options, (source, asked) => {
        const views = viewsOf(source, IMAGENET, asked);
        expect(viewsOf(source, IMAGENET, asked)).toEqual(views);
        expect(viewsOf(source, IMAGENET, { ...asked, seed: asked.seed + 1 })).not.toEqual(views);
      }),
    );
  });

  test('random crops lie within the resized picture and come to its edges', () => {
    const seen = { x: new Set<number>(), y: new Set<number>() };
    for (let seed = 0; seed < 40; seed++) {
      for (const { window } of viewsOf({ width: 257, height: 256 }, IMAGENET, look('crops:100', 1, seed))) {
        expect(window).toMatchObject({ width: 224, height: 224, resized: { width: 257, height: 256 } });
        seen.x.add(window?.x ?? -1);
        seen.y.add(window?.y ?? -1);
      }
    }
    expect([Math.min(...seen.x), Math.max(...seen.x), seen.x.size]).toEqual([0, 33, 34]);
    expect([Math.min(...seen.y), Math.max(...seen.y), seen.y.size]).toEqual([0, 32, 33]);
  });

  test('each distortion shows every crop once more, changed in this one way and within its bounds', () => {
    const views = viewsOf(landscape, IMAGENET, look('rotate:10,shear:5,colour:0.1', 10, 7));
    const kinds = views.map(({ distortion, colourShift }) => {
      if (colourShift) return distortion ? 'both' : 'colour';
      if (!distortion) return 'plain';
      expect(Math.abs(distortion.rotate)).toBeLessThanOrEqual(10);
      expect(Math.abs(distortion.shear)).toBeLessThanOrEqual(5);
      return distortion.shear === 0 ? 'rotate' : 'shear';
    });
    expect(kinds).toEqual(['plain', 'rotate', 'shear', 'colour'].flatMap((kind) => Array(10).fill(kind)));
    const plain = views.slice(0, 10);
    expect(plain).toEqual(cropViews(landscape, IMAGENET, 10));
    for (const [i, { window, mirrored }] of views.entries())
      expect({ window, mirrored }).toMatchObject({
        window: plain[i % 10]?.window,
        mirrored: plain[i % 10]?.mirrored,
      });
    // Drawn anew for each view.
    expect(new Set(views.slice(10, 20).map(({ distortion }) => distortion?.rotate)).size).toBe(10);
  });

  test('angles go either way, up to what is asked for', () => {
    const drawn = Array.from({ length: 200 }, (_, seed) =>
      viewsOf(landscape, IMAGENET, look('rotate:10,shear:5', 1, seed)),
    );
    for (const [kind, amount] of [
      ['rotate', 10],
      ['shear', 5],
    ] as const) {
      const angles = drawn.flat().flatMap(({ distortion }) => distortion?.[kind] || []);
      expect(angles).toHaveLength(200);
      expect(Math.max(...angles)).toBeLessThanOrEqual(amount);
      expect(Math.min(...angles)).toBeGreaterThanOrEqual(-amount);
      expect(Math.max(...angles)).toBeGreaterThan(0.9 * amount);
      expect(Math.min(...angles)).toBeLessThan(-0.9 * amount);
    }
  });

  test('mirror shows every view both ways, distorted ones with the same distortion', () => {
    const plain = viewsOf(landscape, IMAGENET, look('rotate:10,crops:3', 5, 3));
    const both = viewsOf(landscape, IMAGENET, look('mirror,rotate:10,crops:3', 5, 3));
    expect(both).toEqual([...plain, ...plain.map((view) => ({ ...view, mirrored: true }))]);
  });

  test('mirror adds to ten crops only the mirror images that are not there yet', () => {
    // The resized picture has even margins: the centre and all corners have theirs.
    const even = viewsOf({ width: 300, height: 256 }, IMAGENET, look('mirror', 10));
    expect(even).toHaveLength(10);
    expect(even.every(({ count }) => count === 2)).toBe(true);
    // With odd margins the two centres are a pixel apart.
    const odd = viewsOf({ width: 301, height: 256 }, IMAGENET, look('mirror', 10));
    expect(odd).toHaveLength(12);
    expect(odd.map(({ count }) => count).sort()).toEqual([1, 1, 1, 1, ...Array(8).fill(2)]);
    // GoogLeNet's are mirrored where they lie.
    expect(viewsOf(landscape, IMAGENET, look('mirror', 144))).toHaveLength(144);
  });

  test('crops that are equal count as often as they were asked for', () => {
    const cifar: Geometry = {
      input: { width: 32, height: 32 },
      resize: { mode: 'shorter_side', size: 32, filter: 'bilinear' },
      color: 'RGB',
    };
    const views = viewsOf({ width: 32, height: 32 }, cifar, look('crops:9', 1));
    expect(views).toMatchObject([{ count: 10, mirrored: false }]);
  });
});

describe('networks that see the whole picture or look for a digit', () => {
  const input = { width: 28, height: 28 };
  const exact: Geometry = { input, resize: { mode: 'exact', filter: 'bilinear' }, color: 'RGB' };
  const digit: Geometry = { input, resize: { mode: 'digit' }, color: 'GRAY' };
  const source = { width: 50, height: 40 };

  test.each(['mirror', 'crops:1', 'rotate:1', 'shear:1', 'colour:1'])('a digit is not shown with %s', (text) => {
    expect(() => viewsOf(source, digit, look(text))).toThrowError(expect.objectContaining({ code: 'invalid_request' }));
  });

  test.each([exact, digit])('several crops are refused: $resize.mode', (geometry) => {
    for (const crops of [5, 10, 144] as const) {
      expect(() => viewsOf(source, geometry, look('', crops))).toThrowError(
        expect.objectContaining({ code: 'invalid_request', message: expect.stringContaining('crops=1') }),
      );
    }
  });

  test('a digit is shown as it is, whatever the seed', () => {
    expect(viewsOf(source, digit, look('', 1, 9))).toEqual([{ window: undefined, mirrored: false, count: 1 }]);
  });

  test('the whole picture can be distorted and mirrored, but not cut', () => {
    expect(viewsOf(source, exact, look('mirror,rotate:5,colour:0.1'))).toHaveLength(6);
    for (const options of [look('crops:1'), look('', 10)]) {
      expect(() => viewsOf(source, exact, options)).toThrowError(expect.objectContaining({ code: 'invalid_request' }));
    }
  });
});

describe('a drawn view', () => {
  const draw = (text: string, seed: number, geometry = IMAGENET) =>
    viewsOf({ width: 500, height: 375 }, geometry, { ...look(text, 1, seed), drawn: true });
  const seeds = Array.from({ length: 200 }, (_, seed) => seed);
  const all = 'mirror,crops:1,rotate:10,shear:5,colour:0.1,warp:3';

  test('is one, with everything at once and within its limits', () => {
    for (const seed of seeds) {
      const [view, ...others] = draw(all, seed);
      expect(others).toEqual([]);
      expect(countViews({ ...look(all), drawn: true })).toBe(1);
      expect(Math.abs(view?.distortion?.rotate ?? 99)).toBeLessThanOrEqual(10);
      expect(Math.abs(view?.distortion?.shear ?? 99)).toBeLessThanOrEqual(5);
      expect(view?.localWarp?.right).toHaveLength(9);
      expect(view?.colourShift).toHaveLength(3);
    }
  });

  test('differs from draw to draw, and is the same for the same seed', () => {
    expect(new Set(seeds.map((seed) => JSON.stringify(draw(all, seed)))).size).toBe(seeds.length);
    expect(draw(all, 7)).toEqual(draw(all, 7));
  });

  test('is mirrored half of the time, and only if that was asked', () => {
    const mirrored = seeds.filter((seed) => draw('mirror', seed)[0]?.mirrored).length;
    expect(mirrored).toBeGreaterThan(70);
    expect(mirrored).toBeLessThan(130);
    expect(seeds.some((seed) => draw('crops:1', seed)[0]?.mirrored)).toBe(false);
  });

  test('without crops is the centre, with them anywhere, the padding included', () => {
    const places = (text: string, geometry?: Geometry) =>
      seeds.map((seed) => draw(text, seed, geometry)[0]?.window?.x ?? Number.NaN);
    expect(new Set(places('mirror')).size).toBe(1);
    expect(new Set(places('crops:1')).size).toBeGreaterThan(50);
    const padded: Geometry = {
      ...IMAGENET,
      resize: { ...IMAGENET.resize, size: 224, padding: 8 } as Geometry['resize'],
    };
    expect(Math.min(...places('crops:1', padded))).toBe(-8);
  });

  test('of nothing is the plain view', () => {
    expect(draw('', 3)).toEqual(viewsOf({ width: 500, height: 375 }, IMAGENET, look('')));
  });
});
