import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import sharp, { type Sharp } from 'sharp';
import { describe, expect, test } from 'vitest';
import { mutant, spotted } from '../../scripts/torture/mutate.mjs';
import type { Box } from '../../src/core/pixels/geometry.js';
import type { Picture } from '../../src/core/pixels/picture.js';
import { createRandom } from '../../src/core/random.js';
import { decode } from '../../src/imaging/decode.js';
import { jpegDecoder } from '../../src/imaging/decoders/jpeg/jpeg.js';
import { keptPart } from '../../src/imaging/decoders/kept-part.js';
import { sharpDecoder } from '../../src/imaging/decoders/sharp/sharp.js';
import { openFile } from '../../src/imaging/open-file.js';
import { intoJpeg, jpegSegment } from '../support/picture-files.js';

// libjpeg-turbo as WebAssembly decodes clean JPEG to the same bytes as sharp, and leaves everything else to it.

const LIMITS = { maxPixels: 4e6 };
const options = { ...LIMITS, autoOrient: false };
/** Noise with flat and smooth parts: every kind of block. */
const picture = (width: number, height: number) =>
  sharp(
    Uint8Array.from({ length: width * height * 3 }, (_, i) => {
      const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
      if (x < width / 4) return 200;
      return y < height / 2 ? (x * 3 + y * 5 + (i % 3) * 60) & 255 : (i * i * 7919 + y) % 251;
    }),
    { raw: { width, height, channels: 3 } },
  );
const black = (width: number, height: number) => sharp({ create: { width, height, channels: 3, background: '#000' } });
const file = async (made: Sharp) => new Uint8Array(await made.toBuffer());
const bySharp = (bytes: Uint8Array) => sharpDecoder.decode(openFile(bytes, false, LIMITS), options);
const byUs = (bytes: Uint8Array, wanted?: () => Box) => {
  const opened = openFile(bytes, false, LIMITS);
  if (opened.header === 'unclear' || !jpegDecoder.cost(opened.header, bytes.length)) return undefined;
  return jpegDecoder.decode(opened, { ...options, wanted });
};
const fixtures = ['fidelity', 'pictures'].flatMap((folder) => {
  const path = new URL(`../fixtures/${folder}/`, import.meta.url);
  const names = readdirSync(path).filter((name) => name.endsWith('.jpg'));
  return names.map((name) => ({ name, bytes: readFileSync(new URL(name, path)) }));
});
const fixture = (name: string) => new Uint8Array(fixtures.find((each) => each.name === name)?.bytes ?? []);

test('jpeg.wasm is the file whose hash is beside it', () => {
  const folder = new URL('../../src/imaging/decoders/jpeg/wasm/', import.meta.url);
  const sum = createHash('sha256')
    .update(readFileSync(new URL('jpeg.wasm', folder)))
    .digest('hex');
  expect(readFileSync(new URL('SHA256SUMS', folder), 'utf8')).toBe(`${sum}  jpeg.wasm\n`);
});

describe('equal to sharp in every byte', () => {
  const SIZES = [
    [16, 1],
    [17, 16],
    [31, 33],
    [64, 15],
    [250, 131],
    [501, 48],
  ] as const;
  test.each(SIZES)('%i x %i, of every quality and sampling', async (width, height) => {
    for (const quality of [1, 10, 50, 75, 95, 100]) {
      for (const chromaSubsampling of ['4:2:0', '4:4:4']) {
        for (const made of [picture(width, height), picture(width, height).toColourspace('b-w')]) {
          const bytes = await file(made.jpeg({ quality, chromaSubsampling, optimiseCoding: quality > 50 }));
          expect(shown(await byUs(bytes))).toBe(shown(await bySharp(bytes)));
        }
      }
    }
  });

  test.each(['jpeg-422.jpg', 'jpeg-420.jpg', 'jpeg-444.jpg', 'jpeg-grey.jpg', 'jpeg-icc.jpg'])('%s', async (name) => {
    expect(shown(await byUs(fixture(name)))).toBe(shown(await bySharp(fixture(name))));
  });

  test.each(['jpeg-422.jpg', '4:2:0', '4:4:4', 'grey'])('parts of %s', async (kind) => {
    const colours = kind === 'grey' ? picture(83, 71).toColourspace('b-w') : picture(83, 71);
    const chromaSubsampling = kind === '4:2:0' ? kind : '4:4:4';
    const bytes = kind.endsWith('.jpg') ? fixture(kind) : await file(colours.jpeg({ chromaSubsampling }));
    const whole = await bySharp(bytes);
    const random = createRandom(1);
    for (let i = 0; i < 300; i++) {
      const [x, y] = [random.integer(whole.width), random.integer(whole.height)];
      const part = { x, y, width: 1 + random.integer(whole.width - x), height: 1 + random.integer(whole.height - y) };
      const decoded = await byUs(bytes, () => part);
      const kept = keptPart(whole, part);
      expect(decoded?.part).toEqual(kept);
      expect(hashOf(decoded?.data), JSON.stringify(part)).toBe(hashOf(kept ? partOf(whole, kept) : whole.data));
    }
  });
});

describe('left to sharp', () => {
  test.each(['jpeg-progressive.jpg', 'jpeg-arithmetic.jpg', 'jpeg-rgb.jpg', 'jpeg-cmyk.jpg', 'jpeg-ycck.jpg'])(
    '%s',
    async (name) => {
      expect(await byUs(fixture(name))).toBeUndefined();
    },
  );

  test('narrow, large and turned pictures', async () => {
    expect(await byUs(await file(picture(15, 40).jpeg()))).toBeUndefined();
    expect(await byUs(await file(black(2001, 1000).jpeg()))).toBeUndefined();
    const turned = openFile(await file(picture(40, 30).withMetadata({ orientation: 6 }).jpeg()), true, LIMITS);
    expect(turned.header !== 'unclear' && jpegDecoder.cost(turned.header, 1000)).toBeUndefined();
  });

  test('what libjpeg only warns about, and files that end early', async () => {
    const clean = await file(picture(80, 60).jpeg());
    expect(await byUs(clean)).toBeDefined();
    const stray = Buffer.concat([clean.subarray(0, -2), Buffer.alloc(20, 1), clean.subarray(-2)]);
    const early = [2, 3, 50, Math.floor(clean.length / 2)].map((less) => clean.subarray(0, clean.length - less));
    const at = clean.findIndex((byte, i) => byte === 0xff && clean[i + 1] === 0xc0);
    const strayInHeader = Buffer.concat([clean.subarray(0, at), Buffer.alloc(5, 1), clean.subarray(at)]);
    for (const bytes of [stray, strayInHeader, ...early]) expect(await byUs(bytes)).toBeUndefined();
    expect(shown(await decode(stray, false, LIMITS))).toBe(shown(await decode(clean, false, LIMITS)));
    // After the end anything may follow.
    expect(await byUs(Buffer.concat([clean, clean]))).toBeDefined();
  });

  test('restart markers, even where there are none yet', async () => {
    const clean = await file(picture(80, 60).jpeg());
    const at = clean.findIndex((byte, i) => byte === 0xff && clean[i + 1] === 0xda);
    const interval = jpegSegment(0xdd, Buffer.from([0xff, 0xff]));
    const bytes = Buffer.concat([clean.subarray(0, at), interval, clean.subarray(at)]);
    expect(await byUs(bytes)).toBeUndefined();
    expect(shown(await decode(bytes, false, LIMITS))).toBe(shown(await byUs(clean)));
  });

  test('coefficients so large that inverse DCTs may differ', async () => {
    const clean = await file(picture(80, 60).jpeg({ quality: 100 }));
    const at = clean.findIndex((byte, i) => byte === 0xff && clean[i + 1] === 0xc0);
    // Beyond 16 bits, and within them.
    for (const multiplier of [255, 20]) {
      const tables = [0, 1].map((table) => Buffer.concat([Buffer.from([table]), Buffer.alloc(64, multiplier)]));
      const wild = Buffer.concat([clean.subarray(0, at), jpegSegment(0xdb, Buffer.concat(tables)), clean.subarray(at)]);
      expect(await byUs(wild)).toBeUndefined();
      expect(shown(await decode(wild, false, LIMITS))).toBe(shown(await bySharp(wild)));
    }
  });

  test('and then the next clean picture is decoded', async () => {
    const clean = await file(picture(80, 60).jpeg());
    expect(await byUs(clean.subarray(0, 700))).toBeUndefined();
    expect(shown(await byUs(clean))).toBe(shown(await bySharp(clean)));
  });
});

test('damaged files have the outcome that sharp has', async () => {
  const pictures: { name: string; bytes: Buffer }[] = fixtures.filter(({ name }) =>
    /^jpeg-(4|grey|icc|rgb|progressive)/.test(name),
  );
  for (const chromaSubsampling of ['4:2:0', '4:4:4']) {
    for (const made of [picture(120, 90), picture(90, 120).toColourspace('b-w')]) {
      const bytes = Buffer.from(await file(made.jpeg({ chromaSubsampling })));
      pictures.push({ name: chromaSubsampling, bytes: intoJpeg(bytes, jpegSegment(0xfe, 'a comment')) });
    }
  }
  let decodedHere = 0;
  for (let i = 0; i < 800; i++) {
    const { bytes, recipe } = (i % 4 ? spotted : mutant)(pictures, createRandom(i));
    const expected = await outcomeOf(() => bySharp(bytes));
    expect(await outcomeOf(() => decode(bytes, false, LIMITS)), recipe).toBe(expected);
    if (/^\d/.test(expected) && (await byUs(bytes))) decodedHere++;
  }
  // Else this would compare sharp with itself.
  expect(decodedHere).toBeGreaterThan(20);
}, 60_000);

/** Its size and a hash of its pixels. */
function shown(decoded: Picture | undefined): string {
  return decoded ? `${decoded.width} x ${decoded.height}: ${hashOf(decoded.data)}` : 'not decoded';
}

function hashOf(data: Uint8Array | undefined): string {
  return createHash('sha1')
    .update(data ?? '')
    .digest('hex');
}

async function outcomeOf(decoding: () => Promise<Picture>): Promise<string> {
  try {
    return shown(await decoding());
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    return `${code}: ${message}`;
  }
}

function partOf({ data, width }: Picture, part: Box): Uint8Array {
  const rows = Array.from({ length: part.height }, (_, i) => {
    const start = ((part.y + i) * width + part.x) * 3;
    return data.subarray(start, start + part.width * 3);
  });
  return new Uint8Array(Buffer.concat(rows));
}
