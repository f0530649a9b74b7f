import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Crops } from '../../src/core/manifest/crops.js';
import type { Filter } from '../../src/core/manifest/manifest.js';
import { PLAIN_VIEW_OPTIONS } from '../../src/core/views/test-time.js';
import { readPicture } from '../../src/imaging/read-picture.js';
import { DECODERS } from '../support/decoders.js';

// docs/fidelity.md is the table of tests/fixtures/fidelity/kinds.json, and these tests hold the server to every row of it.
// scripts/reference/fidelity.py wrote the files, and what Pillow makes of them.

interface Kind {
  format: string;
  picture: string;
  judge: 'rgb' | 'white' | 'high' | 'stored' | 'samples' | 'refused';
  within?: number;
  files: string[];
}
interface Answer {
  width: number;
  height: number;
  sha256?: string;
  rgb?: string;
}
interface CropCase {
  filter: Filter;
  size: number;
  crop: number;
  padding: number;
  centre: string;
  ten: string[];
}

const folder = new URL('../fixtures/fidelity/', import.meta.url);
const json = (name: string) => JSON.parse(readFileSync(new URL(name, folder), 'utf8'));
const { kinds } = json('kinds.json') as { kinds: Kind[] };
const reference = json('reference.json') as { files: Record<string, Answer>; crops: Record<string, CropCase[]> };
const QUICK_NAMES = Object.keys(DECODERS).filter((name) => name !== 'all' && name !== 'sharp');
const LIMITS = { maxPixels: 400_000 };
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe.each(kinds)('$format: $picture', ({ judge, within = 0, files }) => {
  const cases = files.flatMap((name) => Object.keys(DECODERS).map((by) => [name, by] as const));

  test.each(cases)('%s, by %s', async (name, by) => {
    const decoding = DECODERS[by]?.(readFileSync(new URL(name, folder)), true, LIMITS);
    if (judge === 'refused') {
      await expect(decoding).rejects.toMatchObject({
        code: 'unsupported_image_format',
        message: expect.stringMatching(/^(JPEG|TIFF) with .+ is not supported\./),
      });
      return;
    }
    const picture = await decoding;
    if (!picture) {
      expect(QUICK_NAMES).toContain(by);
      return;
    }
    const { data, width, height } = picture;
    const expected = reference.files[name];
    expect({ width, height }).toEqual({ width: expected?.width, height: expected?.height });
    if (within === 0) return expect(sha256(data)).toBe(expected?.sha256);
    const rgb = Buffer.from(expected?.rgb ?? '', 'base64');
    expect(data.length).toBe(rgb.length);
    const differences = rgb.map((value, i) => Math.abs(value - (data[i] ?? 0)));
    expect(Math.max(...differences)).toBeLessThanOrEqual(within);
  });
});

test('every file belongs to a kind or is a photograph', () => {
  const judged = [...kinds.flatMap(({ files }) => files), ...Object.keys(reference.crops)];
  const found = readdirSync(folder).filter((name) => !name.endsWith('.json'));
  expect(found.toSorted()).toEqual(judged.toSorted());
});

/** The hash of every view, as often as it counts. */
async function viewsOf(bytes: Uint8Array, { filter, size, crop, padding }: CropCase, crops: Crops): Promise<string[]> {
  const geometry = {
    input: { width: crop, height: crop },
    resize: { mode: 'shorter_side', size, filter, padding } as const,
    color: 'RGB' as const,
  };
  const rendering = { geometry, viewOptions: { ...PLAIN_VIEW_OPTIONS, crops } };
  const [rendered] = (await readPicture(bytes, true, [rendering], LIMITS)).renderings;
  const length = crop * crop * 3;
  return (rendered?.views ?? []).flatMap(({ count }, i) =>
    Array<string>(count).fill(sha256(rendered?.pixels.subarray(i * length, (i + 1) * length) ?? new Uint8Array())),
  );
}

describe.each(Object.entries(reference.crops))('the crops of %s, from the file on', (name, cases) => {
  const bytes = readFileSync(new URL(name, folder));

  test.each(cases)('$filter, $size -> $crop, padding $padding', async (example) => {
    expect(await viewsOf(bytes, example, 1)).toEqual([example.centre]);
    expect((await viewsOf(bytes, example, 5)).toSorted()).toEqual(example.ten.slice(0, 5).toSorted());
    expect((await viewsOf(bytes, example, 10)).toSorted()).toEqual(example.ten.toSorted());
  });
});
