import fc from 'fast-check';
import sharp, { type Sharp } from 'sharp';
import { describe, expect, test } from 'vitest';
import { bytesInMemory } from '../../../src/core/byte-source.js';
import { type DecodeCostByFormat, decodeCost } from '../../../src/imaging/decode-cost.js';
import { avif, gridData, intoJpeg, jpegSegment, partsOfAvif } from '../../support/picture-files.js';

const MAX_PIXELS = 50_000_000;
const black = (width: number, height = width, channels: 3 | 4 = 3) =>
  sharp({ create: { width, height, channels, background: '#000' }, limitInputPixels: false });
const costOf = (bytes: Uint8Array): DecodeCostByFormat => {
  const cost = decodeCost(bytesInMemory(bytes), MAX_PIXELS);
  if (!cost) throw new Error('no picture');
  return cost;
};
const cost = async (picture: Sharp) => costOf(await picture.toBuffer());

const SIDE = 600;
const KINDS: Record<string, (side: number) => Sharp> = {
  jpeg: (side) => black(side).jpeg(),
  'progressive jpeg': (side) => black(side).jpeg({ progressive: true }),
  'progressive CMYK jpeg': (side) => black(side).toColourspace('cmyk').jpeg({ progressive: true }),
  'turned jpeg': (side) => black(side).withMetadata({ orientation: 6 }).jpeg(),
  png: (side) => black(side).png(),
  'interlaced png': (side) => black(side).png({ progressive: true }),
  'interlaced png of 16 bits': (side) => black(side, side, 4).toColourspace('rgb16').png({ progressive: true }),
  'lossless webp': (side) => black(side).webp({ lossless: true, effort: 0 }),
  avif: (side) => black(side).avif({ effort: 0, chromaSubsampling: '4:2:0' }),
  gif: (side) => black(side).gif({ effort: 1 }),
  tiff: (side) => black(side).tiff({ compression: 'deflate' }),
};
const kind = (name: string, side = SIDE) => cost((KINDS[name] as (side: number) => Sharp)(side));

describe('what decoding will take', () => {
  test('is more for the more expensive kinds, of one size', async () => {
    for (const [cheap, expensive] of [
      ['jpeg', 'progressive jpeg'],
      ['progressive jpeg', 'progressive CMYK jpeg'],
      ['jpeg', 'turned jpeg'],
      ['png', 'interlaced png'],
      ['interlaced png', 'interlaced png of 16 bits'],
      ['png', 'lossless webp'],
      ['png', 'avif'],
      ['tiff', 'gif'],
    ] as const) {
      const [less, more] = [await kind(cheap), await kind(expensive)];
      expect(less.gmacs, `${cheap} < ${expensive}`).toBeLessThan(more.gmacs);
      expect(less.bytes, `${cheap} < ${expensive}`).toBeLessThan(more.bytes);
    }
  });

  test.each(Object.keys(KINDS))('grows with the pixels of a %s, and is never less than its pixels', async (name) => {
    let before: DecodeCostByFormat | undefined;
    for (const side of [50, 100, 300, 1000]) {
      const now = await kind(name, side);
      expect(now.width * now.height).toBe(side * side);
      expect(now.bytes).toBeGreaterThan(3 * side * side);
      if (before) {
        expect(now.gmacs).toBeGreaterThan(before.gmacs);
        expect(now.bytes).toBeGreaterThan(before.bytes);
      }
      before = now;
    }
  });

  test('of 49 megapixels in some hundred bytes is seconds, and up to a gigabyte', async () => {
    const picture = await black(512).avif({ effort: 0, chromaSubsampling: '4:2:0' }).toBuffer();
    const { data, shared } = partsOfAvif(picture);
    const bytes = avif([{ id: 1, type: 'av01', data, size: { width: 7000, height: 7000 } }], [], shared);
    const { gmacs, bytes: memory } = costOf(bytes);
    expect(15 * gmacs).toBeGreaterThan(1000);
    expect(memory).toBeGreaterThan(850e6);
    expect(memory).toBeLessThan(1.2e9);
  });

  test('counts the bytes of a file: noise takes longer than black', async () => {
    const noise = sharp(
      Uint8Array.from({ length: 3 * SIDE * SIDE }, (_, i) => (i * i * 7919) % 251),
      {
        raw: { width: SIDE, height: SIDE, channels: 3 },
      },
    );
    for (const encode of [(picture: Sharp) => picture.jpeg(), (picture: Sharp) => picture.webp({ effort: 0 })]) {
      expect((await cost(encode(noise.clone()))).gmacs).toBeGreaterThan(1.2 * (await cost(encode(black(SIDE)))).gmacs);
    }
  });

  test('of a plain small PNG is the time of the decoder for such pictures, and memory for sharp too', async () => {
    const [plain, interlaced, turned] = await Promise.all([
      cost(black(100).png()),
      cost(black(100).png({ progressive: true })),
      cost(black(100).withMetadata({ orientation: 6 }).png()),
    ]);
    for (const bySharp of [interlaced, turned]) expect(plain.gmacs).toBeLessThan(bySharp.gmacs / 4);
    expect(plain.bytes).toBeGreaterThan(8e6);
    // With some pixels more sharp takes it.
    expect((await cost(black(260, 256).png())).gmacs).toBeGreaterThan(1.1 * (await cost(black(256).png())).gmacs);
  });

  test('counts the scans of a JPEG, but not what metadata have that looks like one', async () => {
    const progressive = await black(SIDE).jpeg({ progressive: true }).toBuffer();
    const once = costOf(progressive).gmacs;
    const scan = progressive.subarray(progressive.lastIndexOf(Buffer.from([0xff, 0xda])), -2);
    const many = Buffer.concat([
      progressive.subarray(0, -2),
      ...Array<Buffer>(2000).fill(scan),
      progressive.subarray(-2),
    ]);
    expect(costOf(many).gmacs).toBeGreaterThan(5 * once);
    const looksLikeScans = intoJpeg(progressive, jpegSegment(0xe5, Buffer.alloc(4000, Buffer.from([0xff, 0xda]))));
    expect(costOf(looksLikeScans).gmacs).toBeLessThan(1.1 * once);
    // One scan is all that is decoded of a picture that is complete in it.
    const baseline = await black(SIDE).jpeg().toBuffer();
    const behind = Buffer.concat([baseline, ...Array<Buffer>(2000).fill(scan)]);
    expect(costOf(behind).gmacs).toBeLessThan(1.2 * costOf(baseline).gmacs);
  });

  test('counts the frames of AV1, and the tiles and the transparency of an AVIF', async () => {
    const { data, shared } = partsOfAvif(await black(SIDE).avif({ effort: 0 }).toBuffer());
    const size = { width: SIDE, height: SIDE };
    const one = { id: 1, type: 'av01', data, size };
    const plain = costOf(avif([one], [], shared)).gmacs;
    // Behind the temporal delimiter and the sequence header come the frames.
    const frames = data.subarray(2 + 2 + (data[3] as number));
    const manyFrames = { ...one, data: Buffer.concat([data, ...Array<Buffer>(9).fill(frames)]) };
    expect(costOf(avif([manyFrames], [], shared)).gmacs).toBeGreaterThan(5 * plain);
    const grid = { id: 1, type: 'grid', data: gridData(3, 3, 64, 64), size: { width: 64, height: 64 } };
    const tiles = avif([grid, { ...one, id: 2 }], [{ type: 'dimg', from: 1, to: Array<number>(9).fill(2) }], shared);
    expect(costOf(tiles).gmacs).toBeGreaterThan(5 * plain);
    expect(costOf(tiles)).toMatchObject({ width: 64, height: 64 });
    const alpha = avif([one, { ...one, id: 2 }], [{ type: 'auxl', from: 2, to: [1] }], shared);
    expect(costOf(alpha).gmacs).toBeGreaterThan(1.5 * plain);
  });
});

describe('where the header says nothing', () => {
  test('nothing comes of what is no picture that is accepted', () => {
    for (const bytes of ['', 'hello', 'BM\0\0', '%PDF-1.7']) {
      expect(decodeCost(bytesInMemory(Buffer.from(bytes)), MAX_PIXELS)).toBeUndefined();
    }
  });

  test('a file that ends in its header costs the least', async () => {
    for (const name of Object.keys(KINDS).filter((one) => one !== 'tiff')) {
      const bytes = await (KINDS[name] as (side: number) => Sharp)(SIDE).toBuffer();
      expect(costOf(bytes.subarray(0, 20)), name).toMatchObject({ width: 0, height: 0 });
      expect(costOf(bytes.subarray(0, 20)).gmacs).toBeLessThan((await kind(name)).gmacs);
    }
  });

  test('a file of megabytes of metadata counts as the largest picture', async () => {
    const jpeg = await black(SIDE).jpeg().toBuffer();
    const long = intoJpeg(jpeg, ...Array<Buffer>(400).fill(jpegSegment(0xe5, Buffer.alloc(60_000))));
    const { width, height, gmacs } = costOf(long);
    expect(width * height).toBeGreaterThan(0.99 * MAX_PIXELS);
    expect(width * height).toBeLessThanOrEqual(MAX_PIXELS);
    expect(gmacs).toBeGreaterThan(50 * costOf(jpeg).gmacs);
  });

  test('costs are numbers, whatever the bytes', async () => {
    const files = await Promise.all(Object.values(KINDS).map((make) => make(100).toBuffer()));
    fc.assert(
      fc.property(
        fc.constantFrom(...files),
        fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 8 }),
        (file, damage) => {
          const bytes = Uint8Array.from(file);
          for (const [at, value] of damage) bytes[at] = value;
          const found = decodeCost(bytesInMemory(bytes), MAX_PIXELS);
          if (!found) return;
          expect(found.gmacs).toBeGreaterThan(0);
          expect(Number.isFinite(found.gmacs) && Number.isFinite(found.bytes)).toBe(true);
        },
      ),
      { numRuns: 3000 },
    );
  });
});
