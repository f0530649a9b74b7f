import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Picture } from '../../../src/core/pixels/picture.js';
import { pngDecoder } from '../../../src/imaging/decoders/png/png.js';
import { sharpDecoder } from '../../../src/imaging/decoders/sharp/sharp.js';
import { openFile } from '../../../src/imaging/open-file.js';
import { pngChunk } from '../../support/picture-files.js';
import { type PngParts, pngOf } from '../../support/png-files.js';

// Our own decoder of small PNGs against sharp: the same pixels, or the file is left to sharp.

const OPTIONS = { autoOrient: true, maxPixels: 1e6 };
const bySharp = (bytes: Uint8Array) => sharpDecoder.decode(openFile(bytes, true, OPTIONS), OPTIONS);
const byUs = (bytes: Uint8Array) => pngDecoder.decode(openFile(bytes, true, OPTIONS), OPTIONS);
const plain = ({ data, ...size }: Picture) => ({ ...size, data: Buffer.from(data).toString('hex') });

/** Numbers that look like noise, and are the same in every run. */
const noise = (seed: number) => (i: number) => {
  let x = Math.imul(i + 1, 0x9e3779b1) ^ seed;
  x = Math.imul(x ^ (x >>> 15), 0x85ebca6b);
  return (x ^ (x >>> 13)) >>> 0;
};
const KINDS = [
  ...([1, 2, 4, 8, 16] as const).map((depth) => ({ colour: 0, depth }) as const),
  ...([1, 2, 4, 8] as const).map((depth) => ({ colour: 3, depth }) as const),
  ...([2, 4, 6] as const).flatMap((colour) => ([8, 16] as const).map((depth) => ({ colour, depth }) as const)),
];

const anyPng: fc.Arbitrary<PngParts> = fc
  .record({
    kind: fc.constantFrom(...KINDS),
    width: fc.integer({ min: 1, max: 40 }),
    height: fc.integer({ min: 1, max: 12 }),
    seed: fc.integer(),
    interlaced: fc.boolean(),
    filters: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 12 }),
    levels: fc.constantFrom(2, 7, 256, 65_536),
    transparent: fc.boolean(),
    chunkBytes: fc.constantFrom(1, 7, 100_000),
    level: fc.constantFrom(0, 1, 9),
    windowBits: fc.integer({ min: 9, max: 15 }),
  })
  .map(({ kind: { colour, depth }, seed, filters, levels, transparent, ...rest }) => {
    const random = noise(seed);
    const colours = Math.min(levels, 2 ** depth);
    const bytes = (length: number) => Uint8Array.from({ length }, (_, i) => random(i));
    // A colour that the picture may have: few levels make that likely.
    const colourBytes = (length: number) =>
      Uint8Array.from({ length }, (_, i) => (i % 2 === 0 && depth < 16 ? 0 : random(i) % colours));
    const transparencyOf = (kind: PngParts['colour']) => {
      if (kind === 3) return bytes(Math.max(1, colours >> 1));
      if (kind === 0) return colourBytes(2);
      return kind === 2 ? colourBytes(6) : undefined;
    };
    return {
      ...rest,
      colour,
      depth,
      samples: (x, y, c) => random((y * rest.width + x) * 4 + c) % colours,
      filter: (row) => filters[row % filters.length] as number,
      palette: colour === 3 ? bytes(3 * colours) : undefined,
      transparency: transparent ? transparencyOf(colour) : undefined,
    };
  });

test('any valid PNG has the pixels that sharp finds, and is decoded unless it is interlaced or has 16 bits', {
  timeout: 60_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(anyPng, async (parts) => {
      const bytes = pngOf(parts);
      const found = await byUs(bytes);
      // libpng keeps no more of the picture than the stream says it needs, so only sharp tells whether that is enough.
      if (parts.windowBits === 15) expect(found === undefined).toBe(parts.interlaced || parts.depth === 16);
      if (found) expect(plain(found)).toEqual(plain(await bySharp(bytes)));
    }),
    { numRuns: 1500 },
  );
});

test('every grey and every alpha is put over white as by sharp', async () => {
  for (const colour of [4, 6] as const) {
    const samples = (x: number, y: number, c: number) => (c === (colour === 4 ? 1 : 3) ? x : (y + 85 * c) & 255);
    const bytes = pngOf({ width: 256, height: 256, depth: 8, colour, samples, filter: () => 0 });
    expect(plain((await byUs(bytes)) as Picture)).toEqual(plain(await bySharp(bytes)));
  }
});

describe('left to sharp', () => {
  const parts: PngParts = {
    ...{ width: 20, height: 20, depth: 8, colour: 3 },
    samples: (x, y) => (x + y) % 16,
    filter: (row) => row % 5,
    palette: Uint8Array.from({ length: 48 }, (_, i) => 5 * i),
  };
  const good = pngOf(parts);
  const at = (name: string) => good.indexOf(name);
  const changed = (where: number, value: number) => {
    const bytes = Buffer.from(good);
    bytes[where] = value;
    return bytes;
  };
  const without = (name: string) => {
    const start = at(name) - 4;
    return Buffer.concat([good.subarray(0, start), good.subarray(start + 12 + good.readUInt32BE(start))]);
  };
  const pixels = good.subarray(at('IDAT') + 4, at('IEND') - 8);
  const withPixels = (data: Uint8Array) =>
    Buffer.concat([good.subarray(0, at('IDAT') - 4), pngChunk('IDAT', data), good.subarray(at('IEND') - 4)]);
  const FILES: Record<string, Buffer> = {
    'bytes behind the compressed pixels': withPixels(Buffer.concat([pixels, Buffer.from([0])])),
    'compressed pixels that end early': withPixels(pixels.subarray(0, -1)),
    'compressed pixels with a wrong checksum': withPixels(Buffer.concat([pixels.subarray(0, -1), Buffer.from([0])])),
    'a wrong checksum': changed(at('IDAT') - 8, 0x55),
    'a palette that is missing': without('PLTE'),
    'no end': without('IEND'),
    'no pixels': without('IDAT'),
    'bytes behind the end': Buffer.concat([good, Buffer.from([0])]),
    'an end that is not empty': Buffer.concat([without('IEND'), pngChunk('IEND', 'x')]),
    'a critical chunk of no known name': Buffer.concat([good.subarray(0, 33), pngChunk('ABCD'), good.subarray(33)]),
    'a file that ends early': good.subarray(0, -5),
    'a colour that is not in the palette': pngOf({ ...parts, samples: (x, y) => (x + y) % 17 }),
    'more transparent colours than colours': pngOf({ ...parts, transparency: new Uint8Array(17) }),
    'more colours than the bits can say': pngOf({ ...parts, depth: 4, palette: new Uint8Array(51) }),
    'half a colour': pngOf({ ...parts, palette: new Uint8Array(50) }),
    'an unknown filter': pngOf({ ...parts, filter: () => 5 }),
    'a row too few': Buffer.concat([good.subarray(0, 33), pngOf({ ...parts, height: 19 }).subarray(33)]),
    'a transparent grey with more bits than the samples': pngOf({
      ...{ ...parts, colour: 0, depth: 2, samples: () => 1, palette: undefined },
      transparency: Uint8Array.of(0, 4),
    }),
    'a transparent colour with more bits than the samples': pngOf({
      ...{ ...parts, colour: 2, palette: undefined },
      transparency: Uint8Array.of(1, 0, 0, 0, 0, 0),
    }),
    'a palette that is only recommended': pngOf({ ...parts, colour: 2 }),
    'an orientation': Buffer.concat([
      good.subarray(0, 33),
      pngChunk('eXIf', Buffer.from('4d4d002a00000008000101120003000000010006000000000000', 'hex')),
      good.subarray(33),
    ]),
    'more than 64k pixels': pngOf({ ...parts, width: 257, height: 256 }),
  };

  test('but not what they are made of', async () => {
    expect(await byUs(good)).toBeDefined();
    expect(await byUs(withPixels(pixels))).toBeDefined();
  });

  test.each(Object.entries(FILES))('%s', async (_, bytes) => {
    const opened = openFile(bytes, true, OPTIONS);
    const { header } = opened;
    const cost = header === 'unclear' ? undefined : pngDecoder.cost(header, bytes.length);
    expect(cost && (await pngDecoder.decode(opened, OPTIONS))).toBeUndefined();
  });
});
