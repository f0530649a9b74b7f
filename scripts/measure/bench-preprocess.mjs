#!/usr/bin/env node
// What a picture costs before its network runs: decoding, resizing and cropping, normalising; and what Pillow takes.
import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { table } from '../../dist/report/format.js';
import { readCommandLine, refuseCommandLine } from '../shared/command-line.mjs';
import { spreadOf } from './statistics.mjs';

const HELP = `Usage: node scripts/measure/bench-preprocess.mjs <folder> [options]

Prepares every JPEG and PNG of a folder as ImageNet networks want it (shorter side 256, bilinear, centre crop 224,
normalised, NCHW) and prints the milliseconds a picture: the median of the rounds, and the least and the greatest.
CPU time counts all threads of the process. A first round, not counted, warms up.

  --python <python>   also time Pillow and numpy at the same work, a round of theirs after each of ours
  --rounds <n>        rounds that count (default 7)
  --dist <folder>     compiled code to measure (default dist/, as npm run build leaves it)
  --json              for machines
  --help              this text
`;

const { values: options, positionals } = readCommandLine(
  HELP,
  {
    python: { type: 'string' },
    rounds: { type: 'string', default: '7' },
    dist: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
  { allowPositionals: true },
);
const [folder] = positionals;
if (!folder) refuseCommandLine(HELP, 'Name a folder.');

/** @typedef {Record<string, { cpu: number, wall: number }>} Round milliseconds a picture for each step */
const STEPS = ['decode', 'resize and crop', 'normalise', 'all'];
const here = dirname(fileURLToPath(import.meta.url));
const dist = resolve(options.dist ?? join(here, '../../dist'));
/** @param {string} file */
const load = (file) => import(pathToFileURL(join(dist, file)).href);
/** @type {typeof import('../../dist/imaging/decode.js')} */
const { decode } = await load('imaging/decode.js');
/** @type {typeof import('../../dist/core/views/render.js')} */
const { renderViews } = await load('core/views/render.js');
/** @type {typeof import('../../dist/core/views/views.js')} */
const { cropViews, geometryOf } = await load('core/views/views.js');
/** @type {typeof import('../../dist/core/pixels/normalise.js')} */
const { createNormalise } = await load('core/pixels/normalise.js');

const files = (await readdir(folder)).filter((name) => /\.(jpe?g|png)$/i.test(name)).sort();
if (files.length === 0) throw new Error(`there is no JPEG or PNG in ${folder}`);
const pictures = await Promise.all(files.map((name) => readFile(join(folder, name))));

/** @type {Parameters<typeof geometryOf>[0]} */
const preparation = {
  input: { name: 'input', layout: 'NCHW', height: 224, width: 224 },
  preprocess: {
    resize: { mode: 'shorter_side', size: 256, filter: 'bilinear' },
    color: 'RGB',
    scale: 1 / 255,
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
  },
};
const normalise = createNormalise(preparation.preprocess, 'NCHW', 'float32');
const geometry = geometryOf(preparation);

const pillow = options.python ? startPillow(options.python, folder, files) : undefined;
/** @type {Round[]} */
const ours = [];
/** @type {Round[]} */
const theirs = [];
for (let round = 0; round <= Number(options.rounds); round++) {
  const our = await ownRound();
  const their = await pillow?.round();
  if (round === 0) continue;
  ours.push(our);
  if (their) theirs.push(their);
}
pillow?.end();

const rows = STEPS.map((step) => {
  const our = { cpu: spread(ours, step, 'cpu'), wall: spread(ours, step, 'wall') };
  if (theirs.length === 0) return { step, ours: our };
  const their = { cpu: spread(theirs, step, 'cpu'), wall: spread(theirs, step, 'wall') };
  return { step, ours: our, pillow: their, cpu_ratio: our.cpu.median / their.cpu.median };
});
const machine = {
  cpu: cpus()[0]?.model,
  cores: availableParallelism(),
  node: process.version,
  load_average: loadavg()[0],
};
const run = { folder, pictures: files.length, rounds: ours.length, pillow: pillow?.version };
if (options.json) process.stdout.write(`${JSON.stringify({ machine, run, rows }, null, 2)}\n`);
else {
  const header = ['ms A PICTURE', 'CPU', 'WALL', ...(pillow ? ['PILLOW CPU', 'WALL', 'CPU RATIO'] : [])];
  const lines = rows.map((row) => [
    row.step,
    format(row.ours.cpu),
    format(row.ours.wall),
    ...(row.pillow ? [format(row.pillow.cpu), format(row.pillow.wall), row.cpu_ratio.toFixed(2)] : []),
  ]);
  process.stdout.write(`${files.length} pictures, ${ours.length} rounds, ${machine.cores} cores, ${machine.cpu}\n`);
  process.stdout.write(table([header, ...lines], [1, 2, 3, 4, 5]));
}

/** Prepares every picture once. @returns {Promise<Round>} */
async function ownRound() {
  /** @type {Round} */
  const sums = {};
  /** @template T @param {string} step @param {() => T | Promise<T>} work @returns {Promise<T>} */
  const timed = async (step, work) => {
    const usage = process.cpuUsage();
    const started = performance.now();
    const result = await work();
    const wall = performance.now() - started;
    const { user, system } = process.cpuUsage(usage);
    for (const name of [step, 'all']) {
      sums[name] ??= { cpu: 0, wall: 0 };
      sums[name].cpu += (user + system) / 1000 / pictures.length;
      sums[name].wall += wall / pictures.length;
    }
    return result;
  };
  for (const bytes of pictures) {
    const picture = await timed('decode', () => decode(bytes, false, { maxPixels: 1e9 }));
    const crop = await timed('resize and crop', () => renderViews(picture, geometry, cropViews(picture, geometry, 1)));
    await timed('normalise', () => normalise(crop, new Float32Array(crop.length)));
  }
  return sums;
}

/** Starts scripts/reference/bench_pillow.py. @param {string} python @param {string} folder @param {string[]} files */
function startPillow(python, folder, files) {
  const script = join(here, '../reference/bench_pillow.py');
  const child = spawn(python, ['-B', script, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  child.stdin.write(`${JSON.stringify(files)}\n`);
  const process = {
    /** @type {string | undefined} */
    version: undefined,
    /** @returns {Promise<Round>} */
    async round() {
      child.stdin.write('round\n');
      const { value, done } = await lines.next();
      if (done) throw new Error(`${python} ended without an answer`);
      const { version, ...round } = JSON.parse(value);
      process.version = version;
      return round;
    },
    end: () => child.stdin.end(),
  };
  return process;
}

/** @param {Round[]} rounds @param {string} step @param {'cpu' | 'wall'} clock */
function spread(rounds, step, clock) {
  const { median, min: least, max: greatest } = spreadOf(rounds.map((round) => round[step]?.[clock] ?? Number.NaN));
  return { median, least, greatest };
}

/** @param {ReturnType<typeof spread>} spread */
function format({ median, least, greatest }) {
  return `${median.toFixed(2)} (${least.toFixed(2)}-${greatest.toFixed(2)})`;
}
