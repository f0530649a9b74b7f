import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { type AcceptedFormat, isAccepted, sniff } from '../../../src/imaging/formats/sniff.js';
import { orientationOf } from '../../../src/imaging/orientation/orientation.js';
import { stripMetadata } from '../../../src/imaging/strip-metadata.js';
import { assetsDir } from '../../support/assets.js';
import { extendedWebp, intoJpeg, intoPng, jpegSegment, png, pngChunk, riffChunk } from '../../support/picture-files.js';

// What is left of a file decodes to the same pixels as the file, or fails as it does.

/** The pixels as libvips sees them, turned or not; undefined if it refuses the file. */
async function pixels(bytes: Uint8Array, autoOrient: boolean): Promise<string | undefined> {
  try {
    const picture = sharp(bytes, { failOn: 'error', ignoreIcc: true, sequentialRead: true, limitInputPixels: 1e8 });
    const { data, info } = await (autoOrient ? picture.autoOrient() : picture)
      .raw()
      .toBuffer({ resolveWithObject: true });
    return `${info.width}x${info.height}x${info.channels} ${createHash('sha256').update(data).digest('hex')}`;
  } catch {
    return undefined;
  }
}
const strip = (bytes: Uint8Array, autoOrient = true) =>
  stripMetadata(bytes, sniff(bytes) as AcceptedFormat, autoOrient);

const fixtures = fileURLToPath(new URL('../../fixtures/pictures/', import.meta.url));
const SIZE = { width: 37, height: 23 };
const noise = () =>
  sharp(
    Uint8Array.from({ length: SIZE.width * SIZE.height * 3 }, (_, i) => (i * 7919) % 251),
    { raw: { ...SIZE, channels: 3 } },
  );
const exif = { IFD0: { Copyright: 'x'.repeat(300), Make: 'menagerie' }, IFD2: { UserComment: 'y' } };
const withMetadata = () => noise().withExif(exif).withMetadata({ orientation: 6 }).withIccProfile('p3');
const text = (name: string) =>
  pngChunk(name, Buffer.concat([Buffer.from('Comment\0\0'), deflateSync(Buffer.alloc(5000))]));
const xmp = '<x:xmpmeta xmlns:x="adobe:ns:meta/"></x:xmpmeta>';

/** Files with more than pixels. */
async function loaded(): Promise<Record<string, Buffer>> {
  const [photo, jpeg, webp] = [
    await withMetadata().png().toBuffer(),
    await withMetadata().jpeg().toBuffer(),
    await withMetadata().webp().toBuffer(),
  ];
  const plain = await noise().webp().toBuffer();
  const transparent = await sharp(await noise().ensureAlpha(0.5).png().toBuffer())
    .png({ palette: true })
    .toBuffer();
  return {
    png: intoPng(
      photo,
      text('zTXt'),
      text('iCCP'),
      pngChunk('tIME', Buffer.alloc(7)),
      pngChunk('gAMA', Buffer.from([0, 0, 10, 0])),
    ),
    'palette png': intoPng(transparent, text('zTXt')),
    jpeg: intoJpeg(
      jpeg,
      jpegSegment(0xfe, 'a comment'),
      jpegSegment(0xed, 'Photoshop 3.0\0'),
      jpegSegment(0xe1, `http://ns.adobe.com/xap/1.0/\0${xmp}`),
    ),
    'CMYK jpeg': intoJpeg(await withMetadata().toColourspace('cmyk').jpeg().toBuffer(), jpegSegment(0xfe, 'a comment')),
    webp: webp,
    'webp with unknown chunks': extendedWebp(
      plain,
      SIZE,
      0x24,
      [riffChunk('ICCP', Buffer.alloc(333))],
      [riffChunk('XMP ', Buffer.from(xmp)), riffChunk('abcd', Buffer.alloc(7))],
    ),
    'animated webp': await sharp(Buffer.alloc(20 * 60 * 4, 77), {
      raw: { width: 20, height: 60, channels: 4, pageHeight: 20 },
    })
      .withExif(exif)
      .webp({ effort: 0 })
      .toBuffer(),
  };
}

describe('without its metadata', () => {
  test('a picture has the same pixels', async () => {
    for (const [name, bytes] of Object.entries(await loaded())) {
      const intact = await pixels(bytes, true);
      expect(intact, name).toBeDefined();
      for (const autoOrient of [true, false]) {
        const stripped = strip(bytes, autoOrient);
        expect(stripped.length, name).toBeLessThan(bytes.length);
        expect(await pixels(stripped, autoOrient), name).toBe(await pixels(bytes, autoOrient));
        expect(strip(stripped, autoOrient).length, name).toBe(stripped.length);
      }
    }
  });

  test('nothing is left of it but how the picture is to be turned', async () => {
    for (const [name, bytes] of Object.entries(await loaded())) {
      const kept = await sharp(strip(bytes)).metadata();
      expect(kept.orientation ?? 1, name).toBe((await sharp(bytes).metadata()).orientation ?? 1);
      for (const field of ['icc', 'xmp', 'iptc', 'comments'] as const)
        expect(kept[field], `${name} ${field}`).toBeUndefined();
      const without = await sharp(strip(bytes, false)).metadata();
      expect([without.exif, without.orientation], name).toEqual([undefined, undefined]);
    }
  });

  test('a file that has none is the very same', async () => {
    for (const encode of ['jpeg', 'webp', 'gif', 'tiff', 'avif'] as const) {
      const bytes = await noise()[encode]().toBuffer();
      expect(strip(bytes), encode).toBe(bytes);
    }
    const bytes = png(SIZE);
    expect(strip(bytes)).toBe(bytes);
  });

  test('a critical chunk that is not known is still refused', async () => {
    const bytes = intoPng(await noise().png().toBuffer(), pngChunk('NEWS', 'x'), text('zTXt'));
    expect(await pixels(bytes, true)).toBeUndefined();
    expect(await pixels(strip(bytes), true)).toBeUndefined();
  });
});

describe('orientation', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('%d is kept in every format that has it', async (orientation) => {
    for (const encode of ['jpeg', 'png', 'webp'] as const) {
      const bytes = await noise().withExif(exif).withMetadata({ orientation })[encode]().toBuffer();
      expect(await pixels(strip(bytes), true), encode).toBe(await pixels(bytes, true));
    }
  });

  test('is read as libvips reads it, in either byte order and from damaged data', async () => {
    const jpeg = await noise().jpeg().toBuffer();
    const [intel] = [await sharp(await withMetadata().jpeg().toBuffer()).metadata()];
    const data = (intel.exif as Buffer).subarray(6);
    const motorola = Buffer.from(
      'MM\0*\0\0\0\x08\0\x02\x01\x0f\0\x02\0\0\0\x04abc\0\x01\x12\0\x03\0\0\0\x01\0\x03\0\0\0\0\0\0',
      'latin1',
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(data, motorola),
        fc.option(fc.tuple(fc.nat(60), fc.nat(255)), { freq: 3 }),
        async (whole, damage) => {
          const bytes = Buffer.from(whole);
          if (damage && damage[0] < bytes.length) bytes[damage[0]] = damage[1];
          const seen = await sharp(
            intoJpeg(jpeg, jpegSegment(0xe1, Buffer.concat([Buffer.from('Exif\0\0'), bytes]))),
          ).metadata();
          expect(orientationOf({ exif: bytes }), JSON.stringify(damage)).toBe(
            (seen.orientation ?? 1) > 1 ? seen.orientation : undefined,
          );
        },
      ),
      // An entry that has no value at all; the maker's name turned into a second orientation, which is a text.
      {
        numRuns: 500,
        examples: [
          [motorola, [29, 0]],
          [motorola, [11, 0x12]],
          [data, [10, 0x12]],
        ],
      },
    );
  });
});

describe('files of the real world', () => {
  test('all fixtures have the same pixels', async () => {
    for (const name of readdirSync(fixtures).filter((one) => /\.(png|jpg|webp|gif|tiff|avif)$/.test(one))) {
      const bytes = readFileSync(join(fixtures, name));
      for (const autoOrient of [true, false]) {
        expect(await pixels(strip(bytes, autoOrient), autoOrient), name).toBe(await pixels(bytes, autoOrient));
      }
    }
  });

  const assets = assetsDir();
  test.skipIf(!assets)(
    'all assets have the same pixels (skipped without ASSETS_DIR)',
    { timeout: 120_000 },
    async () => {
      let count = 0;
      for (const folder of ['images', 'datasets/imagenet-sample-250', 'datasets/ants-bees']) {
        for (const name of readdirSync(join(assets as string, folder), { recursive: true, encoding: 'utf8' })) {
          if (!/\.(jpe?g|png|webp|gif|tiff?)$/i.test(name)) continue;
          const bytes = readFileSync(join(assets as string, folder, name));
          const format = sniff(bytes);
          if (!format || !isAccepted(format)) continue;
          expect(await pixels(strip(bytes), true), name).toBe(await pixels(bytes, true));
          count++;
        }
      }
      expect(count).toBeGreaterThan(200);
    },
  );
});

test('a damaged file fails as it did, or has the pixels it had; damage to metadata does not matter', {
  timeout: 120_000,
}, async () => {
  const files = Object.values(await loaded());
  const intact = new Map<Buffer, string | undefined>();
  for (const file of files) intact.set(file, await pixels(file, false));
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...files),
      fc.array(fc.tuple(fc.nat(5000), fc.nat(255)), { minLength: 1, maxLength: 3 }),
      fc.option(fc.nat(5000), { freq: 4 }),
      async (file, damage, end) => {
        const bytes = Buffer.from(file.subarray(0, end === null ? file.length : end % file.length));
        for (const [at, value] of damage) if (at < bytes.length) bytes[at % bytes.length] = value;
        const format = sniff(bytes);
        if (!format || !isAccepted(format)) return;
        const [before, after] = [await pixels(bytes, false), await pixels(strip(bytes, false), false)];
        if (after !== before) expect([before, after]).toEqual([undefined, intact.get(file)]);
      },
    ),
    { numRuns: 2000 },
  );
});
