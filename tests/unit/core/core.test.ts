import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Resize } from '../../../src/core/manifest/manifest.js';
import type { Size } from '../../../src/core/pixels/geometry.js';
import { luma } from '../../../src/core/pixels/luma.js';
import { createNormalise } from '../../../src/core/pixels/normalise.js';
import { resizeWindow } from '../../../src/core/pixels/resample.js';
import { softmax } from '../../../src/core/scores/activation.js';
import { topK } from '../../../src/core/scores/top-k.js';
import { renderViews } from '../../../src/core/views/render.js';
import { cropViews, geometryOf } from '../../../src/core/views/views.js';

describe('softmax', () => {
  test('sums to one and keeps the order, whatever the size of the logits', () => {
    fc.assert(
      fc.property(
        fc.float32Array({ minLength: 1, maxLength: 50, noNaN: true, min: Math.fround(-1e30), max: Math.fround(1e30) }),
        (logits) => {
          const probabilities = softmax(logits);
          expect(probabilities.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 5);
          for (let i = 1; i < logits.length; i++) {
            if ((logits[i] as number) > (logits[i - 1] as number)) {
              expect(probabilities[i]).toBeGreaterThanOrEqual(probabilities[i - 1] as number);
            }
          }
        },
      ),
    );
  });

  test('of known values', () => {
    expect([...softmax(Float32Array.of(0, Math.log(3)))]).toEqual([0.25, 0.75]);
  });
});

describe('topK', () => {
  test('equals sorting everything, ties by index', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(0, 0.1, 0.2, 0.3), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 50 }),
        (scores, k) => {
          const values = Float32Array.from(scores);
          const sorted = [...values]
            .map((score, index) => ({ index, score }))
            .sort((a, b) => b.score - a.score || a.index - b.index);
          expect(topK(values, k)).toEqual(sorted.slice(0, k));
        },
      ),
    );
  });
});

describe('luma', () => {
  test.each([
    [255, 255, 255, 255],
    [0, 0, 0, 0],
    [255, 0, 0, 76],
    [0, 255, 0, 150],
    [0, 0, 255, 29],
  ])('of %i %i %i is %i, as Pillow has it', (r, g, b, expected) => {
    expect(luma(Uint8Array.of(r, g, b), 0)).toBe(expected);
  });
});

/** What a single crop sees. */
function centreWindow(source: Size, resize: Resize, input: Size) {
  const [view] = cropViews(source, { input, resize, color: 'RGB' }, 1);
  if (!view?.window) throw new Error('a view without a window');
  return view.window;
}

describe('a single crop', () => {
  test.each([
    // torchvision's Resize(256), CenterCrop(224): trunc for the longer side, half to even for the offset.
    [500, 375, { x: 58, y: 16, resized: { width: 341, height: 256 } }],
    [375, 500, { x: 16, y: 58, resized: { width: 256, height: 341 } }],
    [500, 333, { x: 80, y: 16, resized: { width: 384, height: 256 } }],
    [1, 3000, { x: 16, y: 383888, resized: { width: 256, height: 768000 } }],
  ])('of %i x %i', (width, height, expected) => {
    const window = centreWindow(
      { width, height },
      { mode: 'shorter_side', size: 256, filter: 'bilinear' },
      { width: 224, height: 224 },
    );
    expect(window).toEqual({ ...expected, width: 224, height: 224 });
  });
});

describe('resizeWindow', () => {
  const filters = fc.constantFrom('bilinear', 'bicubic', 'lanczos');

  test('a picture of one colour keeps it, at any size and in any part', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 60 }),
        fc.nat(255),
        filters,
        (width, height, size, level, filter) => {
          const data = new Uint8Array(width * height * 3).fill(level);
          const input = { width: Math.min(size, 9), height: Math.min(size, 5) };
          const window = centreWindow({ width, height }, { mode: 'shorter_side', size, filter }, input);
          const out = resizeWindow({ data, width, height }, window, filter);
          expect(new Set(out)).toEqual(new Set([level]));
        },
      ),
    );
  });

  test('a window equals the same part of the whole', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 7 * 5 * 3, maxLength: 7 * 5 * 3 }),
        filters,
        fc.nat(6),
        fc.nat(4),
        (bytes, filter, x, y) => {
          const picture = { data: new Uint8Array(bytes), width: 7, height: 5 };
          const resized = { width: 13, height: 9 };
          const whole = resizeWindow(picture, { x: 0, y: 0, ...resized, resized }, filter);
          const part = resizeWindow(picture, { x, y, width: 7, height: 5, resized }, filter);
          for (let row = 0; row < 5; row++) {
            const from = ((y + row) * 13 + x) * 3;
            expect(part.subarray(row * 21, row * 21 + 21)).toEqual(whole.subarray(from, from + 21));
          }
        },
      ),
    );
  });
});

describe('renderViews and createNormalise make the tensor', () => {
  // Two pixels: (10, 20, 30) and (40, 50, 60).
  const picture = { data: Uint8Array.of(10, 20, 30, 40, 50, 60), width: 2, height: 1 };
  const prepare = (color: 'RGB' | 'BGR' | 'GRAY', layout: 'NCHW' | 'NHWC', mean: number[], std: number[]) => {
    const preprocess = { resize: { mode: 'exact', filter: 'bilinear' } as const, color, scale: 1, mean, std };
    const geometry = geometryOf({ input: { name: 'x', layout, width: 2, height: 1 }, preprocess });
    const pixels = renderViews(picture, geometry, cropViews(picture, geometry, 1));
    const out = new Float32Array(pixels.length);
    createNormalise(preprocess, layout, 'float32')(pixels, out);
    return [...out];
  };

  test('RGB in planes', () => expect(prepare('RGB', 'NCHW', [0, 0, 0], [1, 1, 1])).toEqual([10, 40, 20, 50, 30, 60]));
  test('BGR in planes, mean and deviation in the same order', () =>
    expect(prepare('BGR', 'NCHW', [30, 20, 10], [1, 2, 4])).toEqual([0, 30, 0, 15, 0, 7.5]));
  test('RGB interleaved', () => expect(prepare('RGB', 'NHWC', [0, 0, 0], [1, 1, 1])).toEqual([10, 20, 30, 40, 50, 60]));
  test('BGR interleaved', () => expect(prepare('BGR', 'NHWC', [0, 0, 0], [1, 1, 1])).toEqual([30, 20, 10, 60, 50, 40]));
  test('grey', () => expect(prepare('GRAY', 'NCHW', [0], [1])).toEqual([luma(picture.data, 0), luma(picture.data, 3)]));

  test.each([1, 4095, 4096, 4097, 10_000])('the formula to the last bit, for %i pixels', (count) => {
    const pixels = Uint8Array.from({ length: 3 * count }, (_, i) => (i * 7919) >> 3);
    for (const color of ['RGB', 'BGR'] as const) {
      const [scale, mean, std] = [1 / 255, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]] as const;
      const preprocess = {
        resize: { mode: 'exact', filter: 'bilinear' } as const,
        color,
        scale,
        mean: [...mean],
        std: [...std],
      };
      const out = new Float32Array(3 * count);
      createNormalise(preprocess, 'NCHW', 'float32')(pixels, out);
      const wrong = out.findIndex((value, i) => {
        const [c, p] = [Math.floor(i / count), i % count];
        const byte = pixels[3 * p + (color === 'BGR' ? 2 - c : c)] as number;
        return value !== Math.fround((byte * scale - (mean[c] as number)) / (std[c] as number));
      });
      expect(wrong).toBe(-1);
    }
  });
});
