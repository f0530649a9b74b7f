import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../support/model-folders.js';

const DECODER = new URL('../../dist/imaging/decode.js', import.meta.url).href;
const [SIDE, REPEATS] = [2000, 30];

/** Decodes a file over and over in a process of its own, and says by how many bytes that has grown after half of them. */
const PROGRAM = `
  import { readFile } from 'node:fs/promises';
  import { setTimeout as sleep } from 'node:timers/promises';
  const { decode } = await import(${JSON.stringify(DECODER)});
  const bytes = await readFile(process.argv[1]);
  const resident = async () => {
    for (let i = 0; i < 3; i++) { gc(); await sleep(50); }
    return process.memoryUsage.rss();
  };
  const some = async () => {
    for (let i = 0; i < ${REPEATS / 2}; i++) await decode(bytes, true, { maxPixels: 1e9 });
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
  // Fifteen pictures have 180 MB of pixels.
  expect(grown).toBeLessThan((3 * SIDE * SIDE * REPEATS) / 2 / 3);
});
