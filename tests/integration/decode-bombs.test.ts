import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliCompressSync, constants, deflateRawSync, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { bytesInMemory } from '../../src/core/byte-source.js';
import { decodeCost } from '../../src/imaging/decode-cost.js';
import { temporaryFolder } from '../support/model-folders.js';
import {
  avif,
  extendedWebp,
  intoJpeg,
  intoPng,
  jpegSegment,
  partsOfAvif,
  pngChunk,
  riffChunk,
} from '../support/picture-files.js';

// Small files that decoders make gigabytes of, each decoded in a process of its own.

const DECODE = new URL('../../dist/imaging/decode.js', import.meta.url).href;
const INFLATED = 300e6;
const SIZE = { width: 64, height: 64 };
const picture = () => sharp({ create: { ...SIZE, channels: 3, background: '#884' } });

/** Decodes a file, and says of which size it is, or why not, and by how many bytes that has made the process grow at most. */
const PROGRAM = `
  import { readFileSync } from 'node:fs';
  import { readFile } from 'node:fs/promises';
  const { decode } = await import(${JSON.stringify(DECODE)});
  const [bytes, small] = await Promise.all(process.argv.slice(1).map((file) => readFile(file)));
  await decode(small, true, { maxPixels: 1e8 });
  // Not process.resourceUsage(): its peak is the parent's where that was larger before it became this process.
  const peak = () => Number(/VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
  const before = peak();
  const outcome = await decode(bytes, true, { maxPixels: 1e8 }).then(
    ({ width, height }) => width + 'x' + height,
    (error) => error.code,
  );
  console.log(JSON.stringify({ outcome, grown: peak() - before }));
`;

async function decoded(bytes: Uint8Array): Promise<{ outcome: string; grown: number }> {
  const folder = await temporaryFolder();
  const [file, small] = [join(folder, 'picture'), join(folder, 'small')];
  await writeFile(file, bytes);
  await writeFile(small, await picture().png().toBuffer());
  const args = ['--input-type=module', '--eval', PROGRAM, file, small];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as { outcome: string; grown: number };
}

const inflating = Buffer.alloc(INFLATED, 'A');
const png = () => picture().png().toBuffer();
const jpeg = () => picture().jpeg().toBuffer();
const webp = () => picture().webp().toBuffer();
const mime = async (encoding: string, data: Uint8Array) => {
  const { data: coded, shared } = partsOfAvif(await picture().avif({ effort: 0 }).toBuffer());
  const about = `application/rdf+xml\0${encoding}\0`;
  return avif(
    [
      { id: 1, type: 'av01', data: coded, size: SIZE },
      { id: 2, type: 'mime', data, about },
    ],
    [{ type: 'cdsc', from: 2, to: [1] }],
    shared,
  );
};
/** A hundred chunks of text, each less than libpng's own limit for one. */
const texts = (name: string, head: (i: number) => string) => {
  const text = deflateSync(Buffer.alloc(INFLATED / 100, 'A'));
  return Array.from({ length: 100 }, (_, i) => pngChunk(name, Buffer.concat([Buffer.from(head(i)), text])));
};
const zTXt = () => texts('zTXt', (i) => `C${i}\0\0`);

const METADATA: Record<string, () => Promise<Buffer>> = {
  'a PNG with zTXt': async () => intoPng(await png(), ...zTXt()),
  'a PNG with iTXt': async () => intoPng(await png(), ...texts('iTXt', (i) => `C${i}\0\x01\0\0\0`)),
  'a PNG with zTXt behind its picture': async () => {
    const bytes = await png();
    return Buffer.concat([bytes.subarray(0, -12), ...zTXt(), bytes.subarray(-12)]);
  },
  'a PNG with iCCP': async () =>
    intoPng(await png(), pngChunk('iCCP', Buffer.concat([Buffer.from('C\0\0'), deflateSync(inflating)]))),
  'an AVIF with a deflated item': () => mime('deflate', deflateRawSync(inflating)),
  'an AVIF with a zlib item': () => mime('compress_zlib', deflateSync(inflating)),
  'an AVIF with a Brotli item': () =>
    mime('br', brotliCompressSync(inflating, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } })),
};

describe('what is no pixel is never inflated', () => {
  test.each(Object.entries(METADATA))('%s', async (_, make) => {
    const bytes = await make();
    expect(bytes.length).toBeLessThan(1.5e6);
    const { outcome, grown } = await decoded(bytes);
    expect(outcome).toBe('64x64');
    expect(grown).toBeLessThan(30e6);
  });

  test('megabytes of other metadata take no more than the header says', { timeout: 60_000 }, async () => {
    const length = 10e6;
    const profile = jpegSegment(0xe2, Buffer.concat([Buffer.from('ICC_PROFILE\0\x01\x01'), Buffer.alloc(60_000)]));
    const files = [
      intoJpeg(await jpeg(), ...Array<Buffer>(150).fill(profile)),
      extendedWebp(await webp(), SIZE, 0x20, [riffChunk('ICCP', Buffer.alloc(length))], []),
      await picture()
        .withXmp(`<x:xmpmeta xmlns:x="adobe:ns:meta/">${'x'.repeat(length)}</x:xmpmeta>`)
        .tiff()
        .toBuffer(),
      await mime('', Buffer.alloc(length, 'x')),
    ];
    for (const bytes of files) {
      const { outcome, grown } = await decoded(bytes);
      expect(outcome).toBe('64x64');
      // What is copied to leave it out is the caller's file once more.
      expect(grown).toBeLessThan((decodeCost(bytesInMemory(bytes), 5e7)?.bytes ?? 0) + bytes.length);
    }
  });

  test('what an AVIF says to hold many times is refused', async () => {
    const { data, shared } = partsOfAvif(await picture().avif({ effort: 0 }).toBuffer());
    const one = { id: 1, type: 'av01', data, size: SIZE };
    const text = { id: 2, type: 'mime', data: Buffer.alloc(1e6), about: 'text/plain\0' };
    const [coded, metadata] = [
      avif([{ ...one, repeated: 10_000 }], [], shared),
      avif([one, { ...text, repeated: 300 }], [{ type: 'cdsc', from: 2, to: [1] }], shared),
    ];
    for (const bytes of [coded, metadata]) {
      const { outcome, grown } = await decoded(bytes);
      expect(outcome).toBe('corrupt_image');
      expect(grown).toBeLessThan(30e6);
    }
  });
});

describe('pictures of 16 megapixels in little more than nothing', () => {
  const side = 4000;
  const black = () =>
    sharp({ create: { width: side, height: side, channels: 3, background: '#000' }, limitInputPixels: false });
  const PICTURES: Record<string, () => Promise<Buffer>> = {
    'a lossless WebP': () => black().webp({ lossless: true, effort: 0 }).toBuffer(),
    'a progressive JPEG': () => black().jpeg({ progressive: true }).toBuffer(),
    'an interlaced PNG of 16 bits': () => black().toColourspace('rgb16').png({ progressive: true }).toBuffer(),
    'an AVIF': () => black().avif({ effort: 0, chromaSubsampling: '4:2:0' }).toBuffer(),
  };

  test.each(Object.entries(PICTURES))(
    '%s takes no more memory than its header says',
    { timeout: 120_000 },
    async (_, make) => {
      const bytes = await make();
      const cost = decodeCost(bytesInMemory(bytes), 5e7);
      const { outcome, grown } = await decoded(bytes);
      expect(outcome).toBe('4000x4000');
      expect(cost?.bytes).toBeGreaterThan(grown);
      expect(cost?.bytes).toBeLessThan(4 * grown);
    },
  );
});

describe('an AVIF that says less than it holds', () => {
  const large = () =>
    sharp({ create: { width: 3000, height: 3000, channels: 3, background: '#000' } })
      .avif({ effort: 0 })
      .toBuffer();
  const isRefused = async (bytes: Buffer) => {
    const { outcome, grown } = await decoded(bytes);
    expect(outcome).toBe('corrupt_image');
    expect(grown).toBeLessThan(30e6);
  };

  test('in its size is refused before it is decoded', async () => {
    const { data, shared } = partsOfAvif(await large());
    await isRefused(avif([{ id: 1, type: 'av01', data, size: SIZE }], [], shared));
  });

  test('in a second sequence of AV1 is refused before it is decoded', async () => {
    const { data } = partsOfAvif(await large());
    const small = partsOfAvif(await picture().avif({ effort: 0 }).toBuffer());
    for (const both of [
      [small.data, data],
      [data, small.data],
    ]) {
      await isRefused(avif([{ id: 1, type: 'av01', data: Buffer.concat(both), size: SIZE }], [], small.shared));
    }
  });
});
