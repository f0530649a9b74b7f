import sharp, { type Sharp } from 'sharp';
import { describe, expect, test } from 'vitest';
import type { Crops } from '../../src/core/manifest/crops.js';
import { renderViews } from '../../src/core/views/render.js';
import { PLAIN_VIEW_OPTIONS, viewsOf } from '../../src/core/views/test-time.js';
import type { Geometry } from '../../src/core/views/views.js';
import { decode } from '../../src/imaging/decode.js';
import { readPicture } from '../../src/imaging/read-picture.js';

// Of a JPEG only what is looked at is kept. It must be what is there when all is kept.

const LIMITS = { maxPixels: 1e6 };
const WIDE = { width: 301, height: 120 };
const TALL = { width: 120, height: 301 };
const noise = (size: { width: number; height: number }) =>
  sharp(
    Uint8Array.from({ length: size.width * size.height * 3 }, (_, i) => (i * 7919) % 251),
    { raw: { ...size, channels: 3 } },
  );
const geometry: Geometry = {
  input: { width: 32, height: 32 },
  resize: { mode: 'shorter_side', size: 36, filter: 'bilinear' },
  color: 'RGB',
};
const grey: Geometry = { ...geometry, color: 'GRAY' };
const squeezed: Geometry = { ...geometry, resize: { mode: 'exact', filter: 'bilinear' } };
const digit: Geometry = { ...geometry, resize: { mode: 'digit' }, color: 'GRAY' };
const renderingOf = (seen: Geometry, crops: Crops = 1) => ({
  geometry: seen,
  viewOptions: { ...PLAIN_VIEW_OPTIONS, crops },
});

const PICTURES: Record<string, Sharp> = {
  wide: noise(WIDE).jpeg(),
  tall: noise(TALL).jpeg(),
  progressive: noise(WIDE).jpeg({ progressive: true }),
  'without subsampling': noise(TALL).jpeg({ chromaSubsampling: '4:4:4' }),
  grey: noise(WIDE).toColourspace('b-w').jpeg(),
  CMYK: noise(WIDE).toColourspace('cmyk').jpeg(),
  'a png': noise(WIDE).png(),
  'a webp': noise(TALL).webp(),
  ...Object.fromEntries(
    [1, 2, 3, 4, 5, 6, 7, 8].map((orientation) => [
      `with orientation ${orientation}`,
      noise(WIDE).withMetadata({ orientation }).jpeg(),
    ]),
  ),
};

describe.each([true, false])('with orientation applied: %s', (autoOrient) => {
  test.each(Object.entries(PICTURES))('%s', async (_, picture) => {
    const bytes = new Uint8Array(await picture.clone().toBuffer());
    const whole = await decode(bytes, autoOrient, LIMITS);
    expect(whole.part).toBeUndefined();
    for (const renderings of [
      [renderingOf(geometry)],
      [renderingOf(grey, 5)],
      [renderingOf(geometry, 10), renderingOf(squeezed)],
      [renderingOf(digit)],
    ]) {
      const read = await readPicture(bytes, autoOrient, renderings, LIMITS);
      expect([read.width, read.height]).toEqual([whole.width, whole.height]);
      for (const [i, { geometry: seen, viewOptions }] of renderings.entries()) {
        const views = viewsOf(whole, seen, viewOptions);
        expect(read.renderings[i]?.views).toEqual(views);
        expect(Buffer.compare(read.renderings[i]?.pixels ?? new Uint8Array(), renderViews(whole, seen, views))).toBe(0);
      }
    }
  });
});

test('columns beside the part, and rows above it, are not kept', async () => {
  const part = { x: 100, y: 20, width: 50, height: 40 };
  const bytes = new Uint8Array(await noise(WIDE).jpeg().toBuffer());
  const { data } = await decode(bytes, true, LIMITS, () => part);
  expect(data.length).toBe(3 * 50 * (WIDE.height - 20));
});

test('a file that ends below the part is refused all the same', async () => {
  const bytes = new Uint8Array(await noise(TALL).jpeg().toBuffer());
  const cut = bytes.subarray(0, Math.floor(bytes.length * 0.97));
  await expect(readPicture(bytes, true, [renderingOf(geometry)], LIMITS)).resolves.toMatchObject(TALL);
  await expect(readPicture(cut, true, [renderingOf(geometry)], LIMITS)).rejects.toMatchObject({
    code: 'corrupt_image',
  });
});
