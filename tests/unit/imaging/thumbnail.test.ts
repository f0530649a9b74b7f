import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { thumbnail } from '../../../src/imaging/thumbnail.js';
import { intoJpeg, jpegSegment, png } from '../../support/picture-files.js';

const LIMITS = { maxPixels: 2_000_000 };
const FOLDER = fileURLToPath(new URL('../../fixtures/pictures/', import.meta.url));
const FIXTURES = readdirSync(FOLDER).filter((name) => /\.(jpg|png|gif|webp|avif|tiff)$/.test(name));

const plain = (width: number, height: number, background = '#3060c0') =>
  sharp({ create: { width, height, channels: 3, background } });

describe('a thumbnail', () => {
  test.each(FIXTURES)('%s becomes a small JPEG', async (name) => {
    const small = await thumbnail(readFileSync(FOLDER + name), true, LIMITS);
    const { format, width, height, channels, exif, icc } = await sharp(small).metadata();
    expect({ format, exif, icc }).toEqual({ format: 'jpeg', exif: undefined, icc: undefined });
    expect(Math.max(width, height)).toBeLessThanOrEqual(96);
    expect([1, 3]).toContain(channels);
    expect(small.length).toBeLessThan(8_000);
  });

  test.each([
    [500, 375, 96, 72],
    [10, 20, 10, 20],
    [1, 20_000, 1, 96],
    [20_000, 1, 96, 1],
  ])('%i x %i becomes %i x %i', async (width, height, ...expected) => {
    const small = await thumbnail(await plain(width, height).png().toBuffer(), true, LIMITS);
    const size = await sharp(small).metadata();
    expect([size.width, size.height]).toEqual(expected);
  });

  test('even noise stays within what the report allows', async () => {
    let state = 1;
    const noise = Uint8Array.from({ length: 96 * 96 * 3 }, () => {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
      return state >> 16;
    });
    const file = await sharp(noise, { raw: { width: 96, height: 96, channels: 3 } })
      .png()
      .toBuffer();
    expect((await thumbnail(file, true, LIMITS)).length).toBeLessThan(20_000);
  });

  test('is turned as its metadata say, and carries none of them', async () => {
    const file = await plain(200, 100).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    const secret = intoJpeg(file, jpegSegment(0xfe, 'taken at home'));
    const [turned, kept] = await Promise.all([true, false].map((turn) => thumbnail(secret, turn, LIMITS)));
    const sizes = await Promise.all([turned, kept].map((small) => sharp(small).metadata()));
    expect(sizes.map(({ width, height }) => [width, height])).toEqual([
      [48, 96],
      [96, 48],
    ]);
    expect(Buffer.from(turned as Uint8Array).includes('taken at home')).toBe(false);
  });

  test('shows what is transparent over white', async () => {
    const clear = await sharp({
      create: { width: 50, height: 50, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } },
    })
      .png()
      .toBuffer();
    const { dominant } = await sharp(await thumbnail(clear, true, LIMITS)).stats();
    expect(Math.min(dominant.r, dominant.g, dominant.b)).toBeGreaterThan(240);
  });

  test.each([
    ['empty_body', new Uint8Array()],
    ['not_an_image', Buffer.from('no picture')],
    ['too_many_pixels', png({ width: 2000, height: 2000 })],
    ['corrupt_image', readFileSync(`${FOLDER}rgb.jpg`).subarray(0, 1500)],
  ])('is refused with %s', async (code, file) => {
    await expect(thumbnail(file, true, LIMITS)).rejects.toMatchObject({ code });
  });
});
