#!/usr/bin/env node
// Measures what cheap requests have to bear from an expensive one beside them, for the table in docs/cost.md.
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readCommandLine } from '../shared/command-line.mjs';
import { atATime } from '../shared/loops.mjs';
import { inTemporaryFolder } from '../shared/temporary-folder.mjs';
import { keepFigures, MACHINE } from './measuring.mjs';
import { startServer } from './server-process.mjs';
import { percentile } from './statistics.mjs';

const HELP = `Usage: node scripts/measure/bench-fairness.mjs [--rounds <n>] [--requests <n>] [--write]

Starts the server with fifteen copies of ResNet-18 (without learned weights: the time is the same). Sends single-crop requests to
one of them, with and without a request for 10 crops of all fifteen beside them, turn and turn about, and prints the
percentiles and their ratios.

  --rounds <n>    pairs of measurements (default 3)
  --requests <n>  cheap requests in each (default 100)
  --write         keep the figures in docs/measured/fairness.json
  --help          this text
`;

const { values: options } = readCommandLine(HELP, {
  rounds: { type: 'string', default: '3' },
  requests: { type: 'string', default: '100' },
  write: { type: 'boolean', default: false },
});

const root = fileURLToPath(new URL('../..', import.meta.url));
const picture = readFileSync(join(root, 'models/golden/golf-ball.png'));
const ids = Array.from({ length: 15 }, (_, i) => `net-${i + 1}`);
const source = join(root, 'models/resnet18-untrained');
const manifest = JSON.parse(readFileSync(join(source, 'manifest.json'), 'utf8'));
let lastSeed = 0;

/** Milliseconds of one request. Seeds make every one a question of its own. @param {string} address @param {string} path */
async function post(address, path) {
  const started = performance.now();
  const headers = { 'content-type': 'image/png' };
  const reply = await fetch(`${address}${path}&seed=${++lastSeed}`, { method: 'POST', body: picture, headers });
  await reply.text();
  if (!reply.ok) throw new Error(`${path}: ${reply.status}`);
  return performance.now() - started;
}

/** Times of the cheap requests. @param {string} address @param {number} connections */
async function cheap(address, connections) {
  /** @type {number[]} */
  const times = [];
  let left = Number(options.requests);
  const next = async () => {
    times.push(await post(address, '/classify?model=net-1'));
  };
  await atATime(connections, () => (left-- > 0 ? next() : undefined));
  return times;
}

/** Time of the expensive request. @param {string} address */
const expensive = (address) => post(address, `/ensemble?models=${ids.join(',')}&crops=10`);

/** @param {number[]} values */
const median = (values) => percentile(values, 0.5);

/** @param {string} address */
async function measureAll(address) {
  const rows = [];
  await cheap(address, 1);
  const expensiveAlone = await expensive(address);
  for (const connections of [1, 8, Number(options.requests)]) {
    /** @type {{ alone: number[][], beside: number[][], expensive: number[] }} */
    const times = { alone: [], beside: [], expensive: [] };
    for (let round = 0; round < Number(options.rounds); round++) {
      times.alone.push(await cheap(address, connections));
      let going = true;
      const loop = (async () => {
        while (going) times.expensive.push(await expensive(address));
      })();
      times.beside.push(await cheap(address, connections));
      going = false;
      await loop;
    }
    const p = (/** @type {number[][]} */ all, /** @type {number} */ share) =>
      median(all.map((one) => percentile(one, share)));
    const [alone50, alone99] = [p(times.alone, 0.5), p(times.alone, 0.99)];
    const [beside50, beside99] = [p(times.beside, 0.5), p(times.beside, 0.99)];
    const row = {
      connections,
      alone50,
      alone99,
      beside50,
      beside99,
      ratio50: beside50 / alone50,
      ratio99: beside99 / alone99,
    };
    rows.push({ ...row, expensive_ms: median(times.expensive), expensive_alone_ms: expensiveAlone });
    process.stdout.write(
      `${connections} at a time: p50 ${alone50.toFixed(0)} -> ${beside50.toFixed(0)} ms (${row.ratio50.toFixed(2)}), ` +
        `p99 ${alone99.toFixed(0)} -> ${beside99.toFixed(0)} ms (${row.ratio99.toFixed(2)}); the expensive one ` +
        `${median(times.expensive).toFixed(0)} ms, alone ${expensiveAlone.toFixed(0)} ms\n`,
    );
  }
  return rows;
}

const rows = await inTemporaryFolder(async (models) => {
  for (const id of ids) {
    mkdirSync(join(models, id));
    writeFileSync(join(models, id, 'manifest.json'), JSON.stringify({ ...manifest, id }));
    symlinkSync(join(source, 'resnet18-untrained.onnx'), join(models, id, 'resnet18-untrained.onnx'));
  }
  const settings = { MODEL_DIRS: models, MENAGERIE_MODELS: ids.join(','), MENAGERIE_UNTRAINED: 'allow' };
  const server = await startServer(settings);
  try {
    return await measureAll(server.address);
  } finally {
    server.kill();
  }
});
if (options.write) {
  const figures = { machine: MACHINE, load_average: loadavg()[0], requests: Number(options.requests), rows };
  keepFigures('fairness', figures);
}
