#!/usr/bin/env node
// Holds the decoders against sharp alone, or against an earlier build.
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createRandom } from '../../dist/core/random.js';
import { decode } from '../../dist/imaging/decode.js';
import { sharpDecoder } from '../../dist/imaging/decoders/sharp/sharp.js';
import { openFile } from '../../dist/imaging/open-file.js';
import { readCommandLine } from '../shared/command-line.mjs';
import { differences } from './differences.mjs';
import '../../dist/imaging/loaders.js';

/** @import { Decode } from './differences.mjs' */

const HELP = `Usage: node scripts/torture/compare-decoders.mjs [folder ...] [options]

Damages pictures in all manner of ways, and decodes each with all decoders and with sharp alone. Says where the pixels, or the code
and the message of the error, are not the same, and ends with 1 then. By default the pictures are those of tests/fixtures.

  --pictures <n>     damaged pictures (default 5000)
  --seed <n>         of their damage (default 1)
  --before <folder>  compiled code of an earlier build to compare with, instead of sharp alone
  --help             this text
`;
const { values, positionals } = readCommandLine(
  HELP,
  {
    pictures: { type: 'string', default: '5000' },
    seed: { type: 'string', default: '1' },
    before: { type: 'string' },
  },
  { allowPositionals: true },
);
const FIXTURES = ['fidelity', 'pictures'].map((name) =>
  fileURLToPath(new URL(`../../tests/fixtures/${name}`, import.meta.url)),
);
const pictures = (positionals.length > 0 ? positionals : FIXTURES).flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(png|jpe?g|webp|avif|gif|tiff?)$/i.test(name))
    .sort()
    .map((name) => ({ name, bytes: readFileSync(join(folder, name)) })),
);

/** @type {Decode} */
const bySharp = async (bytes, autoOrient, { maxPixels }, wanted) => {
  const file = openFile(bytes, autoOrient, { maxPixels });
  return { ...(await sharpDecoder.decode(file, { autoOrient, maxPixels, wanted })), format: file.format };
};
/** @type {Decode} */
const before = values.before
  ? (await import(pathToFileURL(join(resolve(values.before), 'imaging/decode.js')).href)).decode
  : bySharp;
const count = Number(values.pictures);
const random = (/** @type {number} */ i) => createRandom(Number(values.seed) * 2 * count + i);
const found = await differences(pictures, count, random, { before, after: decode });
for (const [kind, times] of [...found.outcomes].sort(([, a], [, b]) => b - a))
  console.log(`${times}`.padStart(8), kind);
for (const difference of found.differences) console.log(difference);
console.log(`${count} damaged pictures of ${pictures.length}: ${found.differences.length} differences`);
process.exitCode = found.differences.length > 0 ? 1 : 0;
