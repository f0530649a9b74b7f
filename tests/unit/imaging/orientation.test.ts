import { crc32, deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { bytesInMemory } from '../../../src/core/byte-source.js';
import { decode } from '../../../src/imaging/decode.js';
import { readHeader } from '../../../src/imaging/header.js';
import { exifOf } from '../../../src/imaging/orientation/exif.js';
import { orientationOf } from '../../../src/imaging/orientation/orientation.js';
import { stripMetadata } from '../../../src/imaging/strip-metadata.js';
import { box, intoPng, png, pngChunk } from '../../support/picture-files.js';

// What tests/golden/fidelity.test.ts does not say of the orientation: bounds and damage. There Pillow is the judge.

const inflate = vi.hoisted(() => vi.fn());
vi.mock('node:zlib', async (original) => {
  const zlib = await original<typeof import('node:zlib')>();
  inflate.mockImplementation(zlib.inflateSync);
  return { ...zlib, inflateSync: inflate };
});
beforeEach(() => {
  inflate.mockClear();
});

const SIZE = { width: 30, height: 20 };
const RAW = 'Raw profile type exif\0\0';
const rawProfile = (orientation: number) => `\nexif\n      26\n${Buffer.from(exifOf(orientation)).toString('hex')}\n`;
const packed = (text: string | Uint8Array) => pngChunk('zTXt', Buffer.concat([Buffer.from(RAW), deflateSync(text)]));
const xmp = (orientation: number) => Buffer.from(`<x tiff:Orientation="${orientation}"/>`);
const isTurned = async (file: Uint8Array) => (await decode(file, true, { maxPixels: 1e6 })).width === SIZE.height;

describe('texts of a PNG', () => {
  test('are inflated no further than 1 MiB', async () => {
    const padded = (length: number) => packed(rawProfile(6).padEnd(length));
    expect(await isTurned(png(SIZE, padded(1 << 20)))).toBe(true);
    expect(await isTurned(png(SIZE, padded((1 << 20) + 1)))).toBe(false);
    // Only the last one counts.
    expect(await isTurned(png(SIZE, padded(1 << 20), packed(Buffer.alloc(50e6))))).toBe(false);
  });

  test('are inflated at most twice, however many there are, and not at all unless asked for', () => {
    const bomb = deflateSync(Buffer.alloc(1 << 20));
    const itxt = pngChunk('iTXt', Buffer.concat([Buffer.from('XML:com.adobe.xmp\0\x01\0\0\0'), bomb]));
    const other = pngChunk('zTXt', Buffer.concat([Buffer.from('Comment\0\0'), bomb]));
    const file = png(SIZE, ...Array<Buffer>(50).fill(Buffer.concat([packed('x'), itxt, other])));
    stripMetadata(file, 'png', false);
    expect(inflate).not.toHaveBeenCalled();
    stripMetadata(file, 'png', true);
    expect(inflate).toHaveBeenCalledTimes(2);
  });

  test('that are damaged leave the picture upright', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('tEXt', 'zTXt', 'iTXt'),
        fc.uint8Array({ maxLength: 60 }),
        async (name, junk) => {
          for (const keyword of [
            RAW,
            'XML:com.adobe.xmp\0',
            'XML:com.adobe.xmp\0\x01\0\0\0',
            'Raw profile type exif',
          ]) {
            const file = png(SIZE, pngChunk(name, Buffer.concat([Buffer.from(keyword), junk])));
            expect(await isTurned(file)).toBe(false);
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});

test('a number that is no orientation leaves the picture upright, and one in EXIF data hides what XMP says', () => {
  for (const stated of [0, 1, 9]) {
    expect(orientationOf({ xmp: xmp(stated) })).toBeUndefined();
    expect(orientationOf({ exif: exifOf(stated), xmp: xmp(6) })).toBeUndefined();
  }
  expect(orientationOf({ exif: Buffer.from('Exif\0\0'), xmp: xmp(6) })).toBe(6);
  expect(orientationOf({ xmp: Buffer.concat([Buffer.alloc(1 << 20), xmp(6)]) })).toBeUndefined();
});

test('of two in EXIF data the first counts, whatever it is (Pillow 12.3)', () => {
  const SHORT = 3;
  const ASCII = 2;
  const twice = (...entries: [type: number, value: number][]) => {
    const exif = Buffer.alloc(38);
    exif.write('MM\0*\0\0\0\b\0\x02', 'latin1');
    for (const [i, [type, value]] of entries.entries()) {
      const at = 10 + 12 * i;
      exif.writeUInt16BE(0x112, at);
      exif.writeUInt16BE(type, at + 2);
      exif.writeUInt32BE(1, at + 4);
      exif.writeUInt16BE(value, at + 8);
    }
    return exif;
  };
  expect(orientationOf({ exif: twice([SHORT, 3], [SHORT, 6]) })).toBe(3);
  expect(orientationOf({ exif: twice([SHORT, 1], [SHORT, 6]) })).toBeUndefined();
  expect(orientationOf({ exif: twice([ASCII, 6], [SHORT, 6]), xmp: xmp(6) })).toBeUndefined();
});

describe('the header of a PNG', () => {
  const mayTurn = (file: Uint8Array) => (readHeader(bytesInMemory(file), 'png') as { mayTurn: boolean }).mayTurn;
  const late = (file: Buffer, chunk: Uint8Array) => Buffer.concat([file.subarray(0, -12), chunk, file.subarray(-12)]);

  test('says that it may be turned, wherever that is stated', () => {
    expect(mayTurn(png(SIZE))).toBe(false);
    expect(mayTurn(intoPng(png(SIZE), pngChunk('tEXt', 'Comment\0hello'), pngChunk('tEXt', 'a\0')))).toBe(false);
    for (const chunk of [
      pngChunk('eXIf', exifOf(6)),
      packed(rawProfile(6)),
      pngChunk('iTXt', Buffer.concat([Buffer.from('XML:com.adobe.xmp\0\0\0\0\0'), xmp(6)])),
    ]) {
      expect(mayTurn(intoPng(png(SIZE), chunk))).toBe(true);
      expect(mayTurn(late(png(SIZE), chunk))).toBe(true);
    }
  });

  test('says so too if it has more chunks than are looked at', () => {
    const data = Buffer.alloc(20_000);
    const chunk = Buffer.concat([Buffer.from([0, 0, 0x4e, 0x20]), Buffer.from('IDAT'), data, Buffer.alloc(4)]);
    chunk.writeUInt32BE(crc32(chunk.subarray(4, -4)), chunk.length - 4);
    expect(mayTurn(late(png(SIZE), Buffer.concat(Array<Buffer>(900).fill(chunk))))).toBe(false);
    expect(mayTurn(late(png(SIZE), Buffer.concat(Array<Buffer>(1100).fill(chunk))))).toBe(true);
  });
});

test('an AVIF that is nothing but an animation is refused in plain words', async () => {
  const file = Buffer.concat([box('ftyp', 'avis\0\0\0\0avisavifmsf1'), box('moov', box('free')), box('mdat', 'x')]);
  await expect(decode(file, true, { maxPixels: 1e6 })).rejects.toMatchObject({
    code: 'unsupported_image_format',
    message: 'AVIF with nothing but an animation is not supported. Save the picture as PNG or as an ordinary JPEG.',
  });
});
