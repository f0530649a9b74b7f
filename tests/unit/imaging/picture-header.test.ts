import fc from 'fast-check';
import sharp, { type Sharp } from 'sharp';
import { describe, expect, test } from 'vitest';
import { type ByteSource, bytesInMemory, Pieces } from '../../../src/core/byte-source.js';
import { type AcceptedFormat, sniff } from '../../../src/imaging/formats/sniff.js';
import { readHeader } from '../../../src/imaging/header.js';
import { HeaderUnsupported } from '../../../src/imaging/headers/byte-window.js';
import type { PictureHeader } from '../../../src/imaging/headers/picture-header.js';
import {
  avif,
  box,
  gridData,
  jpegSegment,
  partsOfAvif,
  png,
  pngChunk,
  tiffDirectory,
} from '../../support/picture-files.js';

// What is read from a file's header is what libvips says of the same file, and no file makes that expensive.

const SIZE = { width: 37, height: 23 };
const noise = (channels: 3 | 4, { width, height } = SIZE) =>
  sharp(
    Uint8Array.from({ length: width * height * channels }, (_, i) => (i * 7919) % 251),
    { raw: { width, height, channels } },
  );
const cmyk = (picture: Sharp) => picture.toColourspace('cmyk');
const grey = (picture: Sharp) => picture.toColourspace('b-w');
const deep = (picture: Sharp) => picture.toColourspace('rgb16');

/** Encoders by what they make; the picture has alpha where the name says so. */
const KINDS: Record<string, (picture: Sharp) => Sharp> = {
  jpeg: (picture) => picture.jpeg(),
  'progressive jpeg': (picture) => picture.jpeg({ progressive: true }),
  'jpeg without subsampling': (picture) => picture.jpeg({ chromaSubsampling: '4:4:4' }),
  'grey jpeg': (picture) => grey(picture).jpeg(),
  'CMYK jpeg': (picture) => cmyk(picture).jpeg(),
  'jpeg with metadata': (picture) =>
    picture
      .withExif({ IFD0: { Copyright: 'x'.repeat(1000) } })
      .withIccProfile('p3')
      .jpeg(),
  png: (picture) => picture.png(),
  'png with alpha': (picture) => picture.png(),
  'grey png': (picture) => grey(picture).png(),
  'grey png with alpha': (picture) => grey(picture).png(),
  'palette png': (picture) => picture.png({ palette: true }),
  'palette png with alpha': (picture) => picture.png({ palette: true }),
  'interlaced png': (picture) => picture.png({ progressive: true }),
  'png of 16 bits': (picture) => deep(picture).png(),
  'png with metadata': (picture) =>
    picture
      .withExif({ IFD0: { Copyright: 'x' } })
      .withIccProfile('p3')
      .png(),
  webp: (picture) => picture.webp({ effort: 0 }),
  'webp with alpha': (picture) => picture.webp({ effort: 0 }),
  'lossless webp': (picture) => picture.webp({ lossless: true, effort: 0 }),
  'lossless webp with alpha': (picture) => picture.webp({ lossless: true, effort: 0 }),
  'webp with metadata': (picture) => picture.withIccProfile('p3').webp({ effort: 0 }),
  avif: (picture) => picture.avif({ effort: 0 }),
  'avif with alpha': (picture) => picture.avif({ effort: 0, chromaSubsampling: '4:2:0' }),
  gif: (picture) => picture.gif({ effort: 1 }),
  tiff: (picture) => picture.tiff({ compression: 'none' }),
  'tiff of tiles': (picture) => picture.tiff({ compression: 'lzw', tile: true, tileWidth: 16, tileHeight: 16 }),
  'tiff with alpha': (picture) => picture.tiff({ compression: 'deflate' }),
  'CMYK tiff': (picture) => cmyk(picture).tiff({ compression: 'lzw' }),
  'tiff of 16 bits': (picture) => deep(picture).tiff({ compression: 'deflate' }),
  'big tiff': (picture) => picture.tiff({ compression: 'jpeg', bigtiff: true }),
};
const encode = (kind: string, size = SIZE) =>
  (KINDS[kind] as (picture: Sharp) => Sharp)(noise(kind.includes('alpha') ? 4 : 3, size)).toBuffer();
const isRead = (header: ReturnType<typeof readHeader>): header is PictureHeader =>
  typeof header !== 'string' && !(header instanceof HeaderUnsupported);
const formatOf = (bytes: Uint8Array) => sniff(bytes) as AcceptedFormat;

/** Counts what is asked of it. */
function counted(bytes: Uint8Array): ByteSource & { calls: number; bytes: number } {
  const source = {
    calls: 0,
    bytes: 0,
    length: bytes.length,
    slice(start: number, end: number) {
      const part = bytes.subarray(start, end);
      source.calls++;
      source.bytes += part.length;
      return part;
    },
  };
  return source;
}

describe('the header of a picture', () => {
  test.each(Object.keys(KINDS))('of a %s says what libvips says', async (kind) => {
    const bytes = await encode(kind);
    const { width, height, format, hasAlpha, space, compression } = await sharp(bytes).metadata();
    const header = readHeader(bytesInMemory(bytes), formatOf(bytes));
    expect(formatOf(bytes)).toBe(format === 'heif' && compression === 'av1' ? 'avif' : format);
    expect(header).toMatchObject({ width, height, cmyk: space === 'cmyk' });
    // A GIF's pixels may all turn out to be opaque.
    if (format !== 'gif') expect(header).toMatchObject({ hasAlpha });
  });

  test('is the same however the file lies in pieces, and of any size', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...Object.keys(KINDS)),
        fc.integer({ min: 16, max: 1000 }),
        fc.integer({ min: 16, max: 1000 }),
        fc.array(fc.nat(40_000), { maxLength: 30 }),
        async (kind, width, height, cuts) => {
          const bytes = await encode(kind, { width, height });
          const places = [...new Set([0, ...cuts.filter((cut) => cut < bytes.length), bytes.length])].sort(
            (a, b) => a - b,
          );
          const pieces = new Pieces(places.slice(1).map((end, i) => bytes.subarray(places[i], end)));
          const header = readHeader(pieces, formatOf(bytes));
          expect(header).toMatchObject({ width, height });
          expect(header).toEqual(readHeader(bytesInMemory(bytes), formatOf(bytes)));
        },
      ),
      { numRuns: 100 },
    );
  });

  test('of a GIF is its first frame where the screen is one of those that say nothing', async () => {
    for (const [width, height] of [
      [640, 480],
      [3000, 10],
      [0, 0],
      [5, 90],
    ] as const) {
      const bytes = await encode('gif');
      bytes.writeUInt16LE(width, 6);
      bytes.writeUInt16LE(height, 8);
      const seen = await sharp(bytes).metadata();
      expect(readHeader(bytesInMemory(bytes), 'gif')).toMatchObject({ width: seen.width, height: seen.height });
    }
  });

  test('only of pictures that libvips need not be asked about is plain', async () => {
    const plain = async (kind: string) => {
      const bytes = await encode(kind);
      return (readHeader(bytesInMemory(bytes), formatOf(bytes)) as { plain: boolean }).plain;
    };
    for (const kind of ['jpeg', 'progressive jpeg', 'png', 'palette png with alpha', 'png of 16 bits']) {
      expect(await plain(kind), kind).toBe(true);
    }
    for (const kind of ['grey jpeg', 'CMYK jpeg', 'webp', 'avif', 'gif', 'tiff']) {
      expect(await plain(kind), kind).toBe(false);
    }
  });

  test('of a turned AVIF has its sides as they are shown', async () => {
    const { data, shared } = partsOfAvif(await encode('avif'));
    const turn = box('irot', Buffer.from([1]));
    const bytes = avif([{ id: 1, type: 'av01', data, size: SIZE }], [], [...shared, turn]);
    const seen = await sharp(bytes).metadata();
    expect([seen.width, seen.height]).toEqual([SIZE.height, SIZE.width]);
    expect(readHeader(bytesInMemory(bytes), 'avif')).toMatchObject({ width: seen.width, height: seen.height });
  });
});

describe('of a damaged file', () => {
  test('a header cut off at any byte is read without fault', async () => {
    for (const kind of Object.keys(KINDS)) {
      const bytes = await encode(kind);
      for (let end = 0; end < Math.min(bytes.length, 4000); end++) {
        const header = readHeader(bytesInMemory(bytes.subarray(0, end)), formatOf(bytes));
        if (isRead(header)) expect(header.width * header.height, kind).toBeGreaterThan(0);
      }
    }
  });

  test('nothing beyond its end is read', async () => {
    for (const kind of Object.keys(KINDS)) {
      const bytes = await encode(kind);
      fc.assert(
        fc.property(fc.nat(bytes.length), fc.nat(600), fc.integer({ min: 0, max: 255 }), (end, at, value) => {
          const damaged = Uint8Array.from(bytes.subarray(0, end));
          if (at < end) damaged[at] = value;
          const header = readHeader(bytesInMemory(damaged), formatOf(bytes));
          if (isRead(header)) expect(header.width * header.height).toBeGreaterThan(0);
        }),
        { numRuns: 300 },
      );
    }
  });
});

describe('of a hostile file', () => {
  const repeat = (part: Uint8Array, count: number) => Buffer.concat(Array<Uint8Array>(count).fill(part));
  const nested = (depth: number): Buffer => (depth === 0 ? box('free') : box('meta', nested(depth - 1)));
  const FILES: Record<string, () => Promise<Buffer>> = {
    'a JPEG of nothing but SOS': async () => repeat(Buffer.from([0xff, 0xd8, 0xff, 0xda]), 5_000_000),
    'a JPEG of millions of segments': async () =>
      Buffer.concat([Buffer.from([0xff, 0xd8]), repeat(jpegSegment(0xe5, ''), 4_000_000)]),
    'a JPEG of fill bytes': async () => Buffer.concat([Buffer.from([0xff, 0xd8]), Buffer.alloc(16e6, 0xff)]),
    'a JPEG of zeros': async () => Buffer.concat([Buffer.from([0xff, 0xd8, 0xff]), Buffer.alloc(16e6)]),
    'a PNG of a million chunks': async () => png(SIZE, repeat(pngChunk('teXt'), 1_000_000)),
    'a WebP of a million chunks': async () =>
      Buffer.concat([Buffer.from('RIFF\0\0\0\xf0WEBP', 'latin1'), repeat(Buffer.from('abcd\0\0\0\0'), 1_000_000)]),
    'a GIF of comments': async () =>
      Buffer.concat([
        Buffer.from('GIF89a\x01\0\x01\0\0\0\0', 'latin1'),
        repeat(Buffer.from([0x21, 0xfe, 1, 65, 0]), 4_000_000),
      ]),
    'a TIFF whose directory comes after itself': async () =>
      Buffer.concat([Buffer.from('II*\0\x08\0\0\0', 'latin1'), tiffDirectory([[254, 8]], 8)]),
    'a TIFF of 65,535 entries': async () => {
      const entries = Array.from({ length: 65_535 }, (): [number, number] => [258, 1e6]);
      return Buffer.concat([Buffer.from('II*\0\x08\0\0\0', 'latin1'), tiffDirectory(entries, 8)]);
    },
    'an AVIF of boxes in boxes': async () => Buffer.concat([box('ftyp', 'avif\0\0\0\0avif'), nested(2000)]),
    'an AVIF of a million boxes': async () =>
      Buffer.concat([box('ftyp', 'avif\0\0\0\0avif'), repeat(box('free'), 2_000_000)]),
    'an AVIF that is made of itself': async () => {
      const grid = { id: 1, type: 'grid', data: gridData(1, 2, 64, 64), size: { width: 64, height: 64 } };
      return avif(
        [grid, { ...grid, id: 2 }],
        [1, 2].map((from) => ({ type: 'dimg', from, to: [1, 2] })),
        [],
      );
    },
    'an AVIF of grids of grids': async () => {
      const { data, shared } = partsOfAvif(await encode('avif'));
      const grid = (id: number) => ({ id, type: 'grid', data: gridData(255, 255, 64, 64), size: SIZE });
      const items = [...Array.from({ length: 40 }, (_, i) => grid(i + 1)), { id: 41, type: 'av01', data, size: SIZE }];
      const references = Array.from({ length: 40 }, (_, i) => {
        return { type: 'dimg' as const, from: i + 1, to: Array<number>(200).fill(i + 2) };
      });
      return avif(items, references, shared);
    },
  };

  test.each(Object.entries(FILES))('%s costs little to look at', async (_, make) => {
    const bytes = await make();
    const source = counted(bytes);
    readHeader(source, formatOf(bytes));
    // The windows that a header may take, and once through the file for its scans.
    expect(source.calls).toBeLessThan(1024 + 1 + bytes.length / 1e6);
    expect(source.bytes).toBeLessThan(1024 * 16 * 1024 + bytes.length * 1.01);
  });
});
