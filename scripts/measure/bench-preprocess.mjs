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

  --before <folder>   also measure an earlier build's compiled code at decoding, a round of it after each of ours
  --python <python>   also time Pillow and numpy at the same work, a round of theirs after each of ours
  --rounds <n>        rounds that count (default 7)
  --dist <folder>     compiled code to measure (default dist/, as npm run build leaves it)
  --json              for machines
  --help              this text
`;

const { values: options, positionals } = readCommandLine(
  HELP,
  {
    before: { type: 'string' },
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
/** @typedef {typeof import('../../dist/imaging/decode.js')} Decoding */
/** @type {Decoding} */
const { decode } = await load('imaging/decode.js');
/** @type {Decoding | undefined} */
const before = options.before && (await import(pathToFileURL(join(resolve(options.before), 'imaging/decode.js')).href));
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
const earlier = [];
/** @type {Round[]} */
const theirs = [];
for (let round = 0; round <= Number(options.rounds); round++) {
  const our = await ownRound(decode);
  const old = before && (await ownRound(before.decode));
  const their = await pillow?.round();
  if (round === 0) continue;
  ours.push(our);
  if (old) earlier.push(old);
  if (their) theirs.push(their);
}
pillow?.end();

const rows = STEPS.map((step) => {
  const our = { cpu: spread(ours, step, 'cpu'), wall: spread(ours, step, 'wall') };
  const compared = Object.entries({ before: earlier, pillow: theirs }).flatMap(([name, rounds]) => {
    if (rounds.length === 0) return [];
    const their = { cpu: spread(rounds, step, 'cpu'), wall: spread(rounds, step, 'wall') };
    return [{ name, ...their, cpu_ratio: our.cpu.median / their.cpu.median }];
  });
  return { step, ours: our, compared };
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
  const others = (rows[0]?.compared ?? []).flatMap(({ name }) => [`${name.toUpperCase()} CPU`, 'WALL', 'CPU RATIO']);
  const lines = rows.map((row) => [
    row.step,
    format(row.ours.cpu),
    format(row.ours.wall),
    ...row.compared.flatMap(({ cpu, wall, cpu_ratio }) => [format(cpu), format(wall), cpu_ratio.toFixed(2)]),
  ]);
  process.stdout.write(`${files.length} pictures, ${ours.length} rounds, ${machine.cores} cores, ${machine.cpu}\n`);
  process.stdout.write(table([['ms A PICTURE', 'CPU', 'WALL', ...others], ...lines], [1, 2, 3, 4, 5, 6, 7, 8]));
}

/** Prepares every picture once. @param {Decoding['decode']} decode @returns {Promise<Round>} */
async function ownRound(decode) {
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
  return `${median.toFixed(3)} (${least.toFixed(3)}-${greatest.toFixed(3)})`;
}
