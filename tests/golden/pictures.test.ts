import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Filter } from '../../src/core/manifest/manifest.js';
import { resizeWindow } from '../../src/core/pixels/resample.js';
import { cropViews } from '../../src/core/views/views.js';
import { decode } from '../../src/imaging/decode.js';
import { DECODERS } from '../support/decoders.js';

// What Pillow makes of the same pictures: scripts/reference/pictures.py wrote the files and the answers.

const folder = new URL('../fixtures/pictures/', import.meta.url);
interface ResampleCase {
  width: number;
  height: number;
  filter: Filter;
  sha256: string;
  size?: number;
  crop?: number;
  exact?: [number, number];
}
const reference = JSON.parse(readFileSync(new URL('reference.json', folder), 'utf8')) as {
  formats: Record<string, { width: number; height: number }>;
  resample: ResampleCase[];
};
const LIMITS = { maxPixels: 10_000 };
/** Largest difference to Pillow, where the formats leave room: other chroma upsampling, other rounding of alpha. */
const TOLERANCE: Record<string, number> = { 'picture.avif': 2, 'alpha.png': 1 };

describe('decoding equals Pillow', () => {
  const cases = Object.entries(reference.formats).flatMap(([name, size]) =>
    Object.entries(DECODERS).map(([by, decoder]) => ({ name, size, by, decoder })),
  );

  test.each(cases)('$name, by $by', async ({ name, size, decoder }) => {
    const picture = await decoder(readFileSync(new URL(name, folder)), false, LIMITS);
    // A quick decoder leaves to sharp what is not plain.
    if (!picture) return;
    expect(picture).toMatchObject(size);
    const expected = readFileSync(new URL(`${name}.rgb`, folder));
    expect(picture.data.length).toBe(expected.length);
    const difference = expected.reduce(
      (max, value, i) => Math.max(max, Math.abs(value - (picture.data[i] as number))),
      0,
    );
    expect(difference).toBeLessThanOrEqual(TOLERANCE[name] ?? 0);
  });

  test('the decoder of small PNGs leaves only 16 bits to sharp', async () => {
    const left: string[] = [];
    for (const name of Object.keys(reference.formats).filter((one) => one.endsWith('.png'))) {
      if (!(await DECODERS.png?.(readFileSync(new URL(name, folder)), false, LIMITS))) left.push(name);
    }
    expect(left).toEqual(['grey-16.png']);
  });

  test('EXIF orientation 6 is turned clockwise unless that is turned off', async () => {
    const bytes = readFileSync(new URL('orientation-6.jpg', folder));
    const asStored = await decode(bytes, false, LIMITS);
    const turned = await decode(bytes, true, LIMITS);
    expect([turned.width, turned.height]).toEqual([asStored.height, asStored.width]);
    // The first pixel as it is stored becomes the last of the first row.
    const at = (turned.width - 1) * 3;
    expect([...turned.data.subarray(at, at + 3)]).toEqual([...asStored.data.subarray(0, 3)]);
  });
});

/** The same picture as `synthetic` in the reference script. */
function synthetic(width: number, height: number): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0, o = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const checker = (Math.floor(x / 3) + Math.floor(y / 2)) % 2;
      for (let c = 0; c < 3; c++) data[o++] = (x * 7 + y * 13 + c * 85 + ((x * y) % 31) * 5 + checker * 90) % 256;
    }
  }
  return data;
}

describe('resizing and cropping equal Pillow byte for byte', () => {
  test.each(reference.resample)('$width x $height, $filter, $size -> $crop $exact', (example) => {
    const { width, height, filter, size, crop = 0, exact } = example;
    const input = exact ? { width: exact[0], height: exact[1] } : { width: crop, height: crop };
    const resize =
      size === undefined ? ({ mode: 'exact', filter } as const) : ({ mode: 'shorter_side', size, filter } as const);
    const [view] = cropViews({ width, height }, { input, resize, color: 'RGB' }, 1);
    if (!view?.window) throw new Error('a view without a window');
    const pixels = resizeWindow({ data: synthetic(width, height), width, height }, view.window, filter);
    expect(createHash('sha256').update(pixels).digest('hex')).toBe(example.sha256);
  });
});
