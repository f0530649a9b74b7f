#!/usr/bin/env node
// Decodes damaged pictures as the server does and by sharp alone: the outcomes must be equal.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRandom } from '../../dist/core/random.js';
import { decode } from '../../dist/imaging/decode.js';
import { sharpDecoder } from '../../dist/imaging/decoders/sharp/sharp.js';
import { openFile } from '../../dist/imaging/open-file.js';
import { readCommandLine } from '../shared/command-line.mjs';
import { mutant, spotted } from './mutate.mjs';
import { fixture, fixtureNames } from './pictures.mjs';

const HELP = `Usage: node scripts/torture/compare-decoders.mjs [options]

Damages pictures and decodes each twice: as the server does, by a quick decoder where one takes it, and by sharp alone. Both must give
the same pixels, or the same error. Half of the files are changed in one to three ways anywhere, the others in a few bits only: many
of those still decode without a warning.

  --pictures <folder>   JPEG and PNG files to damage; default: those of the tests
  --count <n>           damaged files; default 4000
  --seed <n>            default 1; the same seed gives the same files
  --help                this text
`;
const LIMITS = { maxPixels: 4_000_000 };
const MOST_SHOWN = 10;

const { values } = readCommandLine(HELP, {
  pictures: { type: 'string' },
  count: { type: 'string', default: '4000' },
  seed: { type: 'string', default: '1' },
});
const { pictures: folder, count, seed } = values;
const names = (folder ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : fixtureNames()).filter((name) =>
  /\.(jpe?g|png)$/i.test(name),
);
const pictures = names.map((name) => ({ name, bytes: folder ? readFileSync(join(folder, name)) : fixture(name) }));
/** @type {Map<string, number>} */
const outcomes = new Map();
let different = 0;
for (let i = 0; i < Number(count); i++) {
  const random = createRandom(Number(seed) * 1e6 + i);
  const { bytes, recipe } = i % 2 ? mutant(pictures, random) : spotted(pictures, random);
  const autoOrient = random.integer(2) === 0;
  const ours = await outcomeOf(() => decode(bytes, autoOrient, LIMITS));
  const sharps = await outcomeOf(() =>
    sharpDecoder.decode(openFile(bytes, autoOrient, LIMITS), { ...LIMITS, autoOrient }),
  );
  const kind = 'data' in sharps ? 'decoded' : sharps.error;
  outcomes.set(kind, (outcomes.get(kind) ?? 0) + 1);
  if (isEqual(ours, sharps)) continue;
  if (++different <= MOST_SHOWN)
    process.stdout.write(`picture ${i}, ${recipe}: ${shown(ours)}, sharp ${shown(sharps)}\n`);
}
const parts = [...outcomes].sort((a, b) => b[1] - a[1]).map(([kind, n]) => `  ${n} ${kind}\n`);
process.stdout.write(
  `${count} damaged files, of ${pictures.length} pictures; ${different} with different outcomes\n${parts.join('')}`,
);
process.exit(different > 0 ? 1 : 0);

/** @typedef {{ data: Buffer, width: number, height: number } | { error: string }} Outcome */

/** @param {() => Promise<import('../../dist/core/pixels/picture.js').Picture>} decoding @returns {Promise<Outcome>} */
async function outcomeOf(decoding) {
  try {
    const { data, width, height } = await decoding();
    return { data: Buffer.from(data), width, height };
  } catch (error) {
    const { code, message } = /** @type {Error & { code?: string }} */ (error);
    return { error: `${code}: ${message}` };
  }
}

/** @param {Outcome} a @param {Outcome} b */
function isEqual(a, b) {
  if ('data' in a && 'data' in b) return a.width === b.width && a.height === b.height && a.data.equals(b.data);
  return 'error' in a && 'error' in b && a.error === b.error;
}

/** @param {Outcome} outcome */
function shown(outcome) {
  return 'data' in outcome ? `${outcome.width} x ${outcome.height} pixels` : outcome.error;
}
