#!/usr/bin/env node
// A first load test: the server as users start it, under autocannon, beside the same network run bare in process.
import { readFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import autocannon from 'autocannon';
import { layoutOf } from '../../dist/app/layout.js';
import { modelDirectories } from '../../dist/app/models-to-load.js';
import { loadConfig } from '../../dist/config/load-config.js';
import { table } from '../../dist/report/format.js';
import { readMachine } from '../../dist/runtime/device/machine.js';
import { openRepository } from '../../dist/zoo/open-repository.js';
import { findVariant, weightsPath } from '../../dist/zoo/weights.js';
import { startServer } from './server-process.mjs';

const HELP = `Usage: npm run load-test -- [options]

Starts the server, posts one picture to it over and over as a form, at several numbers of connections, and prints
throughput and latency. Between the levels the same network runs bare on as many threads as the server has workers: nothing
but session.run on a ready tensor. The ratio says what is left of that limit when pictures come over HTTP.
The load comes from the same machine, so it takes its share of the cores.

  --model <id[:variant]>   network (default lenet5)
  --image <file>           picture (default: the golden picture of the model)
  --connections <list>     default 1,2,8,32
  --duration <s>           seconds for each level (default 10)
  --raw                    send the picture as the body instead of as a form
  --json                   for machines
  --help                   this text

Settings of the server are taken from the environment (MODEL_DIRS, MENAGERIE_WORKERS ...).
`;

const { values: options } = parseArgs({
  options: {
    model: { type: 'string', default: 'lenet5' },
    image: { type: 'string' },
    connections: { type: 'string', default: '1,2,8,32' },
    duration: { type: 'string', default: '10' },
    raw: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

const [id = '', variantName] = options.model.split(':');
const duration = Number(options.duration);
const levels = options.connections.split(',').map(Number);
const config = loadConfig(process.env);
const folder = (await openRepository(modelDirectories(config))).models.get(id);
if (!folder) throw new Error(`there is no model ${id}`);
const variant = findVariant(folder, variantName);
const image = options.image ?? folder.goldenImage;
if (!image) throw new Error(`${id} has no golden picture: name one with --image`);
const { workers, threads } = layoutOf(config, readMachine());

// The bare network runs in this process.
process.env.ORT_DISABLE_TELEMETRY = '1';
let lastSeed = 0;
const server = await startServer({ MENAGERIE_MODELS: `${id}:${variant.name}` });
const rows = [];
try {
  for (const connections of levels) {
    const before = await runBare();
    const result = await shoot(connections);
    const after = await runBare();
    const bare = (before + after) / 2;
    rows.push({
      connections,
      images_per_s: result.requests.average,
      p50_ms: result.latency.p50,
      p90_ms: result.latency.p90,
      p99_ms: result.latency.p99,
      failed: result.non2xx + result.errors + result.timeouts,
      bare_images_per_s: bare,
      ratio: result.requests.average / bare,
    });
    process.stderr.write(`${connections} connections: ${result.requests.average.toFixed(1)} images/s\n`);
  }
} finally {
  server.kill();
}

const machine = {
  cpu: cpus()[0]?.model,
  cores: availableParallelism(),
  node: process.version,
  load_average: loadavg()[0],
};
const run = {
  model: id,
  variant: variant.name,
  workers,
  threads,
  image,
  body: options.raw ? 'raw' : 'form',
};
if (options.json) process.stdout.write(`${JSON.stringify({ machine, run, rows }, null, 2)}\n`);
else {
  const header = ['CONNECTIONS', 'IMAGES/S', 'P50 ms', 'P90 ms', 'P99 ms', 'FAILED', 'BARE IMAGES/S', 'RATIO'];
  const lines = rows.map((row) => [
    String(row.connections),
    row.images_per_s.toFixed(1),
    String(row.p50_ms),
    String(row.p90_ms),
    String(row.p99_ms),
    String(row.failed),
    row.bare_images_per_s.toFixed(1),
    row.ratio.toFixed(2),
  ]);
  process.stdout.write(
    `\n${id} (${variant.name}), ${workers} workers of ${threads}, ${machine.cores} cores, ${machine.cpu}\n`,
  );
  process.stdout.write(table([header, ...lines], [0, 1, 2, 3, 4, 5, 6, 7]));
}

/** @param {number} connections */
async function shoot(connections) {
  return await autocannon({
    url: server.address,
    // The same question asked twice at once is answered once; seeds make every request a question of its own.
    requests: [{ setupRequest: (request) => ({ ...request, path: `/classify?model=${id}&seed=${++lastSeed}` }) }],
    method: 'POST',
    connections,
    duration,
    ...(options.raw
      ? { body: await readFile(/** @type {string} */ (image)), headers: { 'content-type': 'application/octet-stream' } }
      : { form: /** @type {any} */ ({ image: { type: 'file', path: image } }) }),
  });
}

/** Images a second of the bare network on as many threads as there are workers. */
async function runBare() {
  const workerData = {
    file: weightsPath(/** @type {NonNullable<typeof folder>} */ (folder), variant),
    threads,
    seconds: Math.min(3, duration),
  };
  const rates = await Promise.all(
    Array.from({ length: workers }, () => {
      const worker = new Worker(new URL('./bare-network.mjs', import.meta.url), { workerData });
      return new Promise((/** @type {(rate: number) => void} */ resolve, reject) =>
        worker.once('message', resolve).once('error', reject),
      );
    }),
  );
  return rates.reduce((sum, rate) => sum + rate, 0);
}
