import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { differences } from '../../scripts/torture/differences.mjs';
import { createRandom } from '../../src/core/random.js';
import { decode } from '../../src/imaging/decode.js';
import { sharpDecoder } from '../../src/imaging/decoders/sharp/sharp.js';
import { openFile } from '../../src/imaging/open-file.js';
import '../../src/imaging/loaders.js';

// Whatever is wrong with a picture, a quick decoder must not change what becomes of it.
// `node scripts/torture/compare-decoders.mjs` does the same with thousands.

const pictures = ['fidelity', 'pictures'].flatMap((folder) => {
  const at = new URL(`../fixtures/${folder}/`, import.meta.url);
  const names = readdirSync(at).filter((name) => /\.(png|jpg)$/.test(name));
  return names.sort().map((name) => ({ name, bytes: readFileSync(new URL(name, at)) }));
});

test('damaged pictures have the pixels, or the errors, that sharp alone gives them', { timeout: 120_000 }, async () => {
  const { outcomes, differences: found } = await differences(pictures, 800, (i) => createRandom(i), {
    before: async (bytes, autoOrient, { maxPixels }, wanted) => {
      const file = openFile(bytes, autoOrient, { maxPixels });
      return { ...(await sharpDecoder.decode(file, { autoOrient, maxPixels, wanted })), format: file.format };
    },
    after: decode,
  });
  expect(found).toEqual([]);
  // Many are still whole enough to be decoded.
  for (const kind of ['decoded png', 'decoded jpeg', 'corrupt_image']) expect(outcomes.get(kind)).toBeGreaterThan(30);
});
