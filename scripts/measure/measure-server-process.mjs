#!/usr/bin/env node
// Measures the processor time that the process which speaks HTTP takes for a request; its workers do not count.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import autocannon from 'autocannon';
import sharp from 'sharp';
import { table } from '../../dist/report/format.js';
import { cpuSecondsOf } from '../../dist/system/process-tree.js';
import { number, withSpread } from '../bench/figures.mjs';
import { asForm } from '../bench/requests.mjs';
import { readCommandLine } from '../shared/command-line.mjs';
import { pidOf } from '../shared/processes.mjs';
import { inTemporaryFolder } from '../shared/temporary-folder.mjs';
import { ASSET_MODELS, ASSETS, writeAssetModels } from './asset-models.mjs';
import { startServer } from './server-process.mjs';
import { spreadOf } from './statistics.mjs';

const HELP = `Usage: node scripts/measure/measure-server-process.mjs [options]

Starts the server with LeNet-5 and SqueezeNet, sends forms of one picture over connections that are kept, and prints the processor
time of the server's own process for each, in milliseconds. Beside it, turn and turn about, a bare Fastify route that reads the
same bodies and answers at once. Linux only.

  --assets <folder>    with models/ and images/ (default $ASSETS_DIR or ../shared/assets); without it only LeNet-5 is asked
  --against <folder>   another checkout of this server, built, to measure in the same rounds
  --requests <n>       in each measurement (default 500)
  --rounds <n>         default 5
  --warm-up <n>        requests that each process gets first: the engine compiles what was called often (default 6000)
  --json               for machines
  --help               this text
`;

const { values: options } = readCommandLine(HELP, {
  assets: { type: 'string', default: ASSETS },
  against: { type: 'string' },
  requests: { type: 'string', default: '500' },
  rounds: { type: 'string', default: '5' },
  'warm-up': { type: 'string', default: '6000' },
  json: { type: 'boolean', default: false },
});

/** @typedef {{ name: string, address: string, pid: number, stop: () => Promise<void> }} Subject */
/** @typedef {{ name: string, model: string, request: import('../bench/requests.mjs').Request }} Load */

const CONNECTIONS = [1, 8];
const WARM_UP_CONNECTIONS = 8;
const root = fileURLToPath(new URL('../..', import.meta.url));
const hasAssets = existsSync(join(options.assets, 'models'));
let lastSeed = 0;

/** @param {string} name @param {string} model @param {Buffer} bytes @returns {Promise<Load>} */
async function loadOf(name, model, bytes) {
  const { width, height } = await sharp(bytes).metadata();
  const request = asForm({ name, bytes, width, height });
  return { name: `${width}x${height}, ${(request.body.length / 1000).toFixed(1)} KB`, model, request };
}

/** @param {string} name @param {string} main @param {Record<string, string>} settings @returns {Promise<Subject>} */
async function startMenagerie(name, main, settings) {
  const server = await startServer(settings, main, 'ignore');
  return { name, address: server.address, pid: server.pid, stop: () => ended(server) };
}

/** @returns {Promise<Subject>} */
async function startBareRoute() {
  const child = spawn(process.execPath, [join(root, 'scripts/bench/peers/bare_route.mjs')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [address] = await once(createInterface(child.stdout), 'line');
  return { name: 'bare route', address, pid: pidOf(child), stop: () => ended(child) };
}

/** @param {import('node:child_process').ChildProcess} child */
async function ended(child) {
  child.kill();
  await once(child, 'exit');
}

/**
 * Milliseconds of the process for a request. Seeds make each a question of its own.
 * @param {Subject} subject @param {Load} load @param {number} connections @param {number} amount
 */
async function measure({ name, address, pid }, { model, request }, connections, amount) {
  const before = cpuSecondsOf([pid]) ?? Number.NaN;
  const { '2xx': answered } = await autocannon({
    url: address,
    connections,
    amount,
    method: 'POST',
    ...request,
    requests: [{ setupRequest: (sent) => ({ ...sent, path: `/classify?model=${model}&seed=${++lastSeed}` }) }],
  });
  if (answered !== amount) throw new Error(`${name} answered ${answered} of ${amount} requests`);
  return (1000 * ((cpuSecondsOf([pid]) ?? Number.NaN) - before)) / amount;
}

const digit = readFileSync(join(root, 'models/golden/digit-7.png'));
/** @type {[Load, ...Load[]]} */
const loads = [
  await loadOf('digit.png', 'lenet5', await sharp(digit).resize(28, 28).png({ compressionLevel: 0 }).toBuffer()),
  await loadOf('digit.png', 'lenet5', digit),
  ...(hasAssets
    ? [
        await loadOf(
          'bird.jpg',
          ASSET_MODELS.squeezenet,
          readFileSync(join(options.assets, 'images/triton_vulture.jpeg')),
        ),
      ]
    : []),
];

/** @type {Map<string, { load: string, connections: number, subject: string, ms: number[] }>} */
const measured = new Map();
await inTemporaryFolder(async (models) => {
  if (hasAssets) writeAssetModels(options.assets, models);
  const asked = [...new Set(loads.map(({ model }) => model))].join(',');
  const settings = { MODEL_DIRS: models, MENAGERIE_MODELS: asked, MENAGERIE_LOG_LEVEL: 'info', DEVICE: 'cpu' };
  const subjects = [await startBareRoute()];
  try {
    if (options.against)
      subjects.push(await startMenagerie('against', join(options.against, 'dist/main.js'), settings));
    subjects.push(await startMenagerie('this', join(root, 'dist/main.js'), settings));
    const [quickest] = loads;
    for (const subject of subjects) await measure(subject, quickest, WARM_UP_CONNECTIONS, Number(options['warm-up']));
    for (let round = 0; round < Number(options.rounds); round++) {
      process.stderr.write(`round ${round + 1} of ${options.rounds}\n`);
      for (const load of loads) {
        for (const connections of CONNECTIONS) {
          for (const subject of subjects) {
            const ms = await measure(subject, load, connections, Number(options.requests));
            const key = `${load.name} ${connections} ${subject.name}`;
            const row = measured.get(key) ?? { load: load.name, connections, subject: subject.name, ms: [] };
            row.ms.push(ms);
            measured.set(key, row);
          }
        }
      }
    }
  } finally {
    for (const { stop } of subjects) await stop();
  }
});

const rows = [...measured.values()].map((row) => {
  const against = measured.get(`${row.load} ${row.connections} against`);
  const ratios = against && row.ms.map((ms, i) => ms / (against.ms[i] ?? Number.NaN));
  return { ...row, ms: spreadOf(row.ms), to_against: ratios && spreadOf(ratios) };
});
if (options.json) process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
else {
  const lines = rows.map(({ load, connections, subject, ms, to_against }) => [
    load,
    String(connections),
    subject,
    withSpread(ms),
    to_against ? number(to_against.median) : '',
  ]);
  process.stdout.write(table([['FORM', 'CONNECTIONS', 'PROCESS', 'MS A REQUEST', 'TO AGAINST'], ...lines], [1, 4]));
}
