#!/usr/bin/env node
// What looking for the digit takes, by the size of the picture, against only shrinking the picture, and against older code.
import { availableParallelism, cpus, loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { table } from '../../dist/report/format.js';
import { readCommandLine } from '../shared/command-line.mjs';
import { spreadOf } from './statistics.mjs';

const HELP = `Usage: node scripts/measure/bench-digits.mjs [options]

Prepares the golden digit for LeNet-5 at several sizes and prints the CPU milliseconds a picture: the median of the rounds, and
the least and the greatest. Beside it stands what the same picture takes that is only shrunk to 32x32 (bilinear), and the ratio.
Rounds take turns. First ones, not counted, warm up.

  --than <folder>   other compiled code (dist/ of an older checkout) to compare with, in the same rounds
  --dist <folder>   compiled code to measure (default dist/, as npm run build leaves it)
  --rounds <n>      rounds that count (default 9)
  --json            for machines
  --help            this text
`;

const { values: options } = readCommandLine(HELP, {
  than: { type: 'string' },
  dist: { type: 'string' },
  rounds: { type: 'string', default: '9' },
  json: { type: 'boolean', default: false },
});

const WARM_UP_ROUNDS = 2;
/** A round takes about as long for each size. */
const PIXELS_A_ROUND = 4e6;
const MOST_A_ROUND = 1000;
const SIZES = /** @type {const} */ ([
  [28, 28],
  [96, 104],
  [280, 280],
  [500, 375],
  [4000, 3000],
]);
const INPUT = { width: 32, height: 32 };
const root = fileURLToPath(new URL('../..', import.meta.url));
const golden = join(root, 'models/golden/digit-7.png');

/** @typedef {import('../../dist/core/pixels/picture.js').Picture} Picture */
/** @param {string} dist @returns {Promise<typeof import('../../dist/core/digit/prepare-digit.js')>} */
const finderOf = (dist) => import(pathToFileURL(join(resolve(dist), 'core/digit/prepare-digit.js')).href);
const dist = options.dist ?? join(root, 'dist');
const { prepareDigit } = await finderOf(dist);
const older = options.than === undefined ? undefined : (await finderOf(options.than)).prepareDigit;
/** @type {typeof import('../../dist/core/pixels/resample.js')} */
const { resizeWindow } = await import(pathToFileURL(join(resolve(dist), 'core/pixels/resample.js')).href);

/** @type {Record<string, (picture: Picture) => unknown>} */
const steps = {
  finder: (picture) => prepareDigit(picture, INPUT),
  shrink: (picture) => resizeWindow(picture, { x: 0, y: 0, ...INPUT, resized: INPUT }, 'bilinear'),
  ...(older && { than: (/** @type {Picture} */ picture) => older(picture, INPUT) }),
};

const rows = [];
for (const [width, height] of SIZES) {
  const data = await sharp(golden)
    .resize(width, height, { fit: 'contain', background: 'white' })
    .flatten({ background: 'white' })
    .toColourspace('srgb')
    .raw()
    .toBuffer();
  rows.push({ size: `${width}x${height}`, ...timed({ data: new Uint8Array(data), width, height }) });
}

const machine = { cpu: cpus()[0]?.model, cores: availableParallelism(), node: process.version, load: loadavg()[0] };
if (options.json) process.stdout.write(`${JSON.stringify({ machine, rounds: options.rounds, rows }, null, 2)}\n`);
else {
  const header = ['CPU ms A PICTURE', 'FINDER', 'ONLY SHRUNK', 'RATIO', ...(older ? ['OTHER CODE', 'RATIO'] : [])];
  const lines = rows.map(({ size, finder, shrink, than }) => [
    size,
    format(finder),
    format(shrink),
    ratio(finder, shrink),
    ...(than ? [format(than), ratio(finder, than)] : []),
  ]);
  process.stdout.write(`${options.rounds} rounds, ${machine.cores} cores, ${machine.cpu}\n`);
  process.stdout.write(table([header, ...lines], [1, 2, 3, 4, 5]));
}

/** CPU milliseconds of all steps, which take turns. @param {Picture} picture */
function timed(picture) {
  const pictures = Math.ceil(Math.min(MOST_A_ROUND, PIXELS_A_ROUND / (picture.width * picture.height)));
  /** @type {Record<string, number[]>} */
  const samples = {};
  for (let round = -WARM_UP_ROUNDS; round < Number(options.rounds); round++) {
    for (const [name, step] of Object.entries(steps)) {
      const before = process.cpuUsage();
      for (let i = 0; i < pictures; i++) step(picture);
      const { user, system } = process.cpuUsage(before);
      if (round < 0) continue;
      samples[name] ??= [];
      samples[name].push((user + system) / 1000 / pictures);
    }
  }
  const { finder = [], shrink = [], than } = samples;
  return { finder: spreadOf(finder), shrink: spreadOf(shrink), ...(than && { than: spreadOf(than) }) };
}

/** @param {import('./statistics.mjs').Spread} spread */
function format({ median, min, max }) {
  return `${median.toFixed(3)} (${min.toFixed(3)}-${max.toFixed(3)})`;
}

/** @param {import('./statistics.mjs').Spread} a @param {import('./statistics.mjs').Spread} b */
function ratio(a, b) {
  return (a.median / b.median).toFixed(2);
}
