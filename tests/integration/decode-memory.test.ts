import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { PLAIN_VIEW_OPTIONS, type Rendering } from '../../src/core/views/test-time.js';
import { readPicture } from '../../src/imaging/read-picture.js';
import { temporaryFolder } from '../support/model-folders.js';

const READER = new URL('../../dist/imaging/read-picture.js', import.meta.url).href;
// So many that what the allocator keeps for the next ones does not count.
const [SIDE, REPEATS] = [2000, 60];

const small: Rendering = {
  geometry: { input: { width: 8, height: 8 }, resize: { mode: 'exact', filter: 'bilinear' }, color: 'RGB' },
  viewOptions: PLAIN_VIEW_OPTIONS,
};

/** Reads a file over and over in a process of its own, and says by how many bytes that has grown after half of them. */
const PROGRAM = `
  import { readFile } from 'node:fs/promises';
  import { setTimeout as sleep } from 'node:timers/promises';
  const { readPicture } = await import(${JSON.stringify(READER)});
  const renderings = [${JSON.stringify(small)}];
  const bytes = await readFile(process.argv[1]);
  const resident = async () => {
    for (let i = 0; i < 3; i++) { gc(); await sleep(50); }
    return process.memoryUsage.rss();
  };
  const some = async () => {
    for (let i = 0; i < ${REPEATS / 2}; i++) await readPicture(bytes, true, renderings, { maxPixels: 1e9 });
  };
  await some();
  const before = await resident();
  await some();
  console.log((await resident()) - before);
`;

it.each(['srgb', 'cmyk'] as const)('decoded %s pictures do not stay in memory', { timeout: 60_000 }, async (space) => {
  const file = join(await temporaryFolder(), 'picture.jpg');
  const create = { width: SIDE, height: SIDE, channels: 3, background: '#884' } as const;
  await writeFile(file, await sharp({ create }).toColourspace(space).jpeg().toBuffer());
  const args = ['--expose-gc', '--input-type=module', '--eval', PROGRAM, file];
  const grown = Number(execFileSync(process.execPath, args, { encoding: 'utf8' }));
  // Thirty pictures have 360 MB of pixels.
  expect(grown).toBeLessThan((3 * SIDE * SIDE * REPEATS) / 2 / 3);
});

const canRelease = 'transfer' in ArrayBuffer.prototype;

it.skipIf(!canRelease).each(['srgb', 'cmyk'] as const)(
  'a decoded %s picture is gone when its views are there (where ArrayBuffers have transfer: Node 22)',
  async (space) => {
    const create = { width: SIDE, height: SIDE, channels: 3, background: '#884' } as const;
    const bytes = new Uint8Array(await sharp({ create }).toColourspace(space).jpeg().toBuffer());
    const before = process.memoryUsage().external;
    const { renderings } = await readPicture(bytes, true, [small], { maxPixels: 1e9 });
    expect(renderings[0]?.pixels.length).toBe(8 * 8 * 3);
    // A collection in between makes it less, never more.
    expect(process.memoryUsage().external - before).toBeLessThan(SIDE * SIDE);
  },
);
