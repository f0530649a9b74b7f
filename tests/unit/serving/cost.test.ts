import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Crops } from '../../../src/core/manifest/crops.js';
import type { Manifest } from '../../../src/core/manifest/manifest.js';
import { parseAugmentation } from '../../../src/core/views/test-time.js';
import { costOfPicture, expectedMs, type Plan, planFor } from '../../../src/serving/asking/plan.js';
import { PLAIN_QUESTION } from '../../../src/serving/asking/question.js';
import type { Member, Target } from '../../../src/serving/asking/target.js';
import { READING_GMACS, ReadingSpeed, smoothed, sumOf } from '../../../src/serving/cost/cost.js';
import type { ServedModel } from '../../../src/serving/models/model.js';
import { manifestOf, PREPROCESS } from '../../support/model-folders.js';

let members = 0;

/** A network that is shown crops of so many kinds. */
function member(gmacs: number, viewMs: number, crops: Crops = 1, side = 8): Member {
  const id = `m${++members}`;
  const resize = { mode: 'shorter_side', size: 12, filter: 'bilinear' };
  const input = { name: 'x', layout: 'NCHW', width: side, height: side };
  const manifest = manifestOf(id, { input, preprocess: { ...PREPROCESS, resize } }) as Manifest;
  const info = { session: id, headBytes: 0 };
  const model = { id, key: id, version: 'v', gmacs, viewMs, info, folder: { manifest } } as ServedModel;
  return { model, weight: 1, crops };
}

function plan(all: readonly Member[], tta = ''): Plan {
  const target = { members: all, missing: [], ensemble: undefined } as unknown as Target;
  return planFor({ ...PLAIN_QUESTION, crops: undefined, augmentation: parseAugmentation(tta) }, target);
}

/** Reading a picture that takes so long. */
const reading = (ms: number) => ({ gmacs: READING_GMACS, ms });

describe('the cost of a picture', () => {
  test('is that of reading it once, and of every network on each of its views', () => {
    expect(costOfPicture(plan([member(1.8, 30)]), reading(8))).toEqual({ gmacs: 1.8 + READING_GMACS, ms: 38 });
    const two = plan([member(2, 30, 10), member(4, 50, 5)]);
    expect(costOfPicture(two, reading(8))).toEqual({ gmacs: READING_GMACS + 20 + 20, ms: 8 + 300 + 250 });
    const augmented = plan([member(2, 30, 10), member(4, 50, 5)], 'mirror,rotate:5');
    // Mirrored, and each of these turned besides.
    expect(costOfPicture(augmented, reading(8))).toEqual({
      gmacs: READING_GMACS + 4 * (20 + 20),
      ms: 8 + 4 * (300 + 250),
    });
  });

  test('has a network that heads share only once, and each further head by its weights', () => {
    const shared = (other: Member, headBytes: number): Member => {
      return { ...other, model: { ...other.model, info: { ...other.model.info, session: 's', headBytes } } };
    };
    const [base, a, b] = [shared(member(2, 30, 10), 0), shared(member(2, 32, 10), 4e6), shared(member(2, 32, 10), 8e6)];
    expect(plan([base, a, b]).cost.gmacs).toBeCloseTo(10 * (2 + 0.001 + 0.002), 9);
    expect(plan([a, base]).cost).toEqual({ gmacs: 20, ms: 320 });
    // Not where it sees other views, or makes other tensors of them.
    expect(plan([a, shared(member(2, 30, 5), 0)]).cost.gmacs).toBe(30);
    const { folder } = b.model;
    const preprocess = { ...folder.manifest.preprocess, mean: [1, 1, 1] };
    const other = { ...b, model: { ...b.model, folder: { ...folder, manifest: { ...folder.manifest, preprocess } } } };
    expect(plan([a, other]).cost.gmacs).toBe(40);
  });

  test('grows with what its file says that decoding it takes', () => {
    expect(costOfPicture(plan([member(1, 30)]), { gmacs: 9, ms: 144 })).toEqual({ gmacs: 10, ms: 174 });
  });

  test('counts equal views that are computed once as often as they were asked for: the picture is not known yet', () => {
    expect(costOfPicture(plan([member(1, 1, 144)]), reading(0)).ms).toBe(144);
  });

  test('cannot be asked for more views than a picture may have', () => {
    expect(() => plan([member(1, 1, 144)], 'mirror,rotate:1')).toThrowError(
      expect.objectContaining({ code: 'invalid_request' }),
    );
  });

  test('of several is their sum', () => {
    expect(sumOf([])).toEqual({ gmacs: 0, ms: 0 });
    expect(sumOf([reading(1), { gmacs: 2, ms: 3 }])).toEqual({ gmacs: 2 + READING_GMACS, ms: 4 });
  });
});

describe('a plan', () => {
  test('has members of one geometry that look alike see the same views', () => {
    const [a, b, c, d] = [member(1, 1), member(1, 1), member(1, 1, 10), member(1, 1, 1, 4)];
    const { groups, viewBytes } = plan([a, b, c, d]);
    expect(groups.map((group) => [group.members, group.views])).toEqual([
      [[a, b], 1],
      [[c], 10],
      [[d], 1],
    ]);
    expect(viewBytes).toBe(3 * (64 + 10 * 64 + 16));
  });

  test('has the key of another only if both give equal pictures equal answers', () => {
    const [a, b] = [member(1, 1), member(1, 1)];
    const [{ key }, same] = [plan([a, b]), plan([a, b])];
    expect(same.key).toBe(key);
    const others = [
      plan([a]),
      plan([b, a]),
      plan([a, b], 'mirror'),
      plan([a, { ...b, weight: 2 }]),
      plan([a, { ...b, crops: 5 }]),
      plan([a, { ...b, model: { ...b.model, version: 'w' } }]),
    ];
    const target = { members: [a, b], missing: [{ id: 'c' }], ensemble: undefined } as unknown as Target;
    others.push(planFor(PLAIN_QUESTION, target));
    for (const different of [{ autoOrient: false }, { average: 'logits' as const }, { seed: 1 }]) {
      others.push(planFor({ ...PLAIN_QUESTION, ...different }, { ...target, missing: [] }));
    }
    const keys = [key, ...others.map((other) => other.key)];
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe('expectedMs', () => {
  const speed = new ReadingSpeed();
  const expected = (workers: number, ...all: Member[]) => expectedMs(plan(all), workers, speed);

  test('views are spread over the workers, but none takes less than the slowest network on one', () => {
    expect(speed.costOf()).toEqual({ gmacs: READING_GMACS, ms: 8 });
    expect(expected(1, member(1, 30))).toBe(38);
    expect(expected(4, member(1, 30))).toBe(38);
    expect(expected(1, member(1, 30, 10))).toBe(308);
    expect(expected(4, member(1, 30, 10))).toBe(83);
    expect(expected(4, member(1, 30), member(1, 200))).toBe(208);
  });
});

describe('ReadingSpeed', () => {
  test('learns what reading takes, of pictures of any size, and is not thrown by one', () => {
    const speed = new ReadingSpeed();
    const first = speed.costOf(2).ms;
    expect(first).toBe(32);
    speed.observe(2 * first, 2);
    expect(speed.costOf(2).ms).toBeCloseTo(1.1 * first);
    for (let i = 1; i < 100; i++) speed.observe(40 * i, i);
    expect(speed.costOf(1)).toEqual({ gmacs: 1, ms: expect.closeTo(40, 1) });
    // A machine that stood still for a minute.
    speed.observe(60_000, 1);
    expect(speed.costOf(1).ms).toBeLessThan(40 * 1.31);
  });

  test('stays between what was seen', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1e5, noNaN: true }), { minLength: 1 }), (times) => {
        const speed = new ReadingSpeed();
        const seen = [speed.costOf(1).ms, ...times];
        for (const ms of times) speed.observe(ms, 1);
        expect(speed.costOf(1).ms).toBeGreaterThanOrEqual(Math.min(...seen));
        expect(speed.costOf(1).ms).toBeLessThanOrEqual(Math.max(...seen));
      }),
    );
  });
});

test('a moving average follows by a tenth, and single outliers move it little', () => {
  expect(smoothed(100, 110)).toBeCloseTo(101);
  expect(smoothed(100, 90)).toBeCloseTo(99);
  expect(smoothed(100, 1e9)).toBeCloseTo(130);
  expect(smoothed(100, 0)).toBeCloseTo(92.5);
});
