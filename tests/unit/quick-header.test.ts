import fc from 'fast-check';
import sharp, { type Sharp } from 'sharp';
import { describe, expect, test } from 'vitest';
import { quickHeader } from '../../src/imaging/quick-header.js';
import type { Format } from '../../src/imaging/sniff.js';

// What is read from the first bytes is what libvips says of the same file.

const SIZE = { width: 37, height: 23 };
const noise = (channels: 3 | 4) =>
  sharp(
    Uint8Array.from({ length: SIZE.width * SIZE.height * channels }, (_, i) => (i * 7919) % 251),
    { raw: { ...SIZE, channels } },
  );
const KNOWN: Record<string, Sharp> = {
  'colour jpeg': noise(3).jpeg(),
  'progressive jpeg': noise(3).jpeg({ progressive: true }),
  'jpeg with metadata': noise(3)
    .withExif({ IFD0: { Copyright: 'x'.repeat(1000) } })
    .withIccProfile('p3')
    .jpeg(),
  'colour png': noise(3).png(),
  'colour png with alpha': noise(4).png(),
  'grey png': noise(3).toColourspace('b-w').png(),
  'grey png with alpha': noise(4).toColourspace('b-w').png(),
  'palette png': noise(3).png({ palette: true }),
  'palette png with transparency': noise(4).png({ palette: true }),
  'interlaced png': noise(3).png({ progressive: true }),
  'png of 16 bits': noise(3).toColourspace('rgb16').png(),
  'png with metadata': noise(3)
    .withExif({ IFD0: { Copyright: 'x' } })
    .withIccProfile('p3')
    .png(),
};
const formatOf = (name: string): Format => (name.includes('jpeg') ? 'jpeg' : 'png');

describe('quickHeader', () => {
  test.each(Object.entries(KNOWN))('of a %s says what libvips says', async (name, picture) => {
    const bytes = await picture.toBuffer();
    const { width, height, hasAlpha, exif } = await sharp(bytes).metadata();
    expect([width, height]).toEqual([SIZE.width, SIZE.height]);
    expect(quickHeader(bytes, formatOf(name))).toEqual({
      ...{ width, height, hasAlpha },
      hasExif: exif !== undefined && formatOf(name) === 'jpeg',
    });
  });

  test('says nothing of the less usual', async () => {
    const grey = await noise(3).toColourspace('b-w').jpeg().toBuffer();
    const cmyk = await noise(3).toColourspace('cmyk').jpeg().toBuffer();
    for (const bytes of [grey, cmyk]) expect(quickHeader(bytes, 'jpeg')).toBeUndefined();
    expect(quickHeader(await noise(3).webp().toBuffer(), 'webp')).toBeUndefined();
    const empty = await noise(3).png().toBuffer();
    empty.writeUInt32BE(0, 16);
    expect(quickHeader(empty, 'png')).toBeUndefined();
  });

  test('reads nothing beyond the end of a damaged file', async () => {
    for (const [name, picture] of Object.entries(KNOWN)) {
      const bytes = await picture.clone().toBuffer();
      const format = formatOf(name);
      fc.assert(
        fc.property(fc.nat(bytes.length), fc.nat(60), fc.integer({ min: 0, max: 255 }), (end, at, value) => {
          const damaged = Uint8Array.from(bytes.subarray(0, end));
          if (at < end) damaged[at] = value;
          const header = quickHeader(damaged, format);
          if (header) expect(header.width * header.height).toBeGreaterThan(0);
        }),
      );
    }
  });
});
