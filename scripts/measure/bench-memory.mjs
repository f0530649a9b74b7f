#!/usr/bin/env node
// Measures how much memory the server takes with one allocator and another, for the table in docs/deployment.md.
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { table } from '../../dist/report/format.js';
import { withSpread } from '../bench/figures.mjs';
import { photographOf } from '../bench/networks.mjs';
import { nodeVersions } from '../bench/versions.mjs';
import { readCommandLine } from '../shared/command-line.mjs';
import { atATime } from '../shared/loops.mjs';
import { memoryOf } from '../shared/processes.mjs';
import { inTemporaryFolder } from '../shared/temporary-folder.mjs';
import { ASSET_MODELS, ASSETS, writeAssetModels } from './asset-models.mjs';
import { keepFigures, MACHINE } from './measuring.mjs';
import { startServer } from './server-process.mjs';
import { spreadOf } from './statistics.mjs';

const HELP = `Usage: node scripts/measure/bench-memory.mjs [options]

Starts the server with SqueezeNet and MobileNetV2 on two workers, once with each way of allocating memory, turn and turn about;
asks it for photographs of 0.3 to 24 megapixels, eight at a time; and prints the memory that it has after the first eight,
at most, and five seconds after the last; then for some of 24 megapixels alone. Linux only.

  --assets <folder>   with models/ and images/ (default $ASSETS_DIR or ../shared/assets)
  --jemalloc <file>   a libjemalloc.so.2 to compare with
  --pictures <n>      asked for in each measurement (default 600)
  --rounds <n>        default 3
  --json              for machines
  --write             keep the figures in docs/measured/memory.json
  --help              this text
`;

const { values: options } = readCommandLine(HELP, {
  assets: { type: 'string', default: ASSETS },
  jemalloc: { type: 'string' },
  pictures: { type: 'string', default: '600' },
  rounds: { type: 'string', default: '3' },
  json: { type: 'boolean', default: false },
  write: { type: 'boolean', default: false },
});

const MODELS = [ASSET_MODELS.squeezenet, ASSET_MODELS.mobilenet];
const WIDTHS = [640, 1024, 1600, 2400, 4000, 6000];
const AT_A_TIME = 8;
/** Of the largest alone. */
const LARGEST = 80;
const REST_MS = 5_000;
const MB = 1e6;

/** @type {Record<string, Record<string, string>>} */
const ALLOCATORS = {
  'glibc as it is': {},
  '`MALLOC_ARENA_MAX=2`': { MALLOC_ARENA_MAX: '2' },
  'that and `GLIBC_TUNABLES=glibc.malloc.hugetlb=1`': {
    MALLOC_ARENA_MAX: '2',
    GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1',
  },
  ...(options.jemalloc ? { jemalloc: { LD_PRELOAD: options.jemalloc } } : {}),
};

const pictures = await Promise.all(
  WIDTHS.map((width) =>
    photographOf(join(options.assets, 'images/triton_mug.jpg'), { width, height: (width * 3) / 4 }),
  ),
);

/** @param {Record<string, string>} settings of the environment */
async function measure(settings) {
  // Empty ones count as not set: what is measured does not depend on where this is run.
  const plain = { MALLOC_ARENA_MAX: '', GLIBC_TUNABLES: '', LD_PRELOAD: '' };
  const server = await startServer({ DEVICE: 'cpu', MENAGERIE_WORKERS: '2', ...plain, ...settings });
  const memory = () => {
    const found = memoryOf(server.pid);
    if (!found) throw new Error('there is no /proc that says what a process takes');
    return { now: found.now / MB, most: found.most / MB };
  };
  let asked = 0;
  /** Asks until so many pictures were asked for, and says how many a second that were. @param {number} total @param {Buffer[]} pictures */
  const ask = async (total, pictures) => {
    const [before, started] = [asked, performance.now()];
    const post = async (/** @type {number} */ seed) => {
      const address = `${server.address}/classify?model=${MODELS[seed % MODELS.length]}&seed=${seed}`;
      // Every size meets every model.
      const body = new Uint8Array(pictures[Math.floor(seed / MODELS.length) % pictures.length] ?? []);
      const reply = await fetch(address, { method: 'POST', headers: { 'content-type': 'image/jpeg' }, body });
      await reply.text();
      if (!reply.ok) throw new Error(`${address}: ${reply.status}`);
    };
    await atATime(AT_A_TIME, () => (asked < total ? post(asked++) : undefined));
    return (asked - before) / ((performance.now() - started) / 1000);
  };
  try {
    await ask(AT_A_TIME, pictures);
    const first = memory().now;
    const total = Number(options.pictures);
    const images_per_s = await ask(total, pictures);
    await sleep(REST_MS);
    const { now: after, most: peak } = memory();
    return { first, peak, after, images_per_s, largest_per_s: await ask(total + LARGEST, pictures.slice(-1)) };
  } finally {
    server.kill();
    await once(server, 'exit');
  }
}

/** @type {Record<string, Awaited<ReturnType<typeof measure>>[]>} */
const measured = Object.fromEntries(Object.keys(ALLOCATORS).map((name) => [name, []]));
await inTemporaryFolder(async (models) => {
  writeAssetModels(options.assets, models);
  for (let round = 1; round <= Number(options.rounds); round++) {
    for (const [name, settings] of Object.entries(ALLOCATORS)) {
      process.stderr.write(`round ${round} of ${options.rounds}: ${name}\n`);
      measured[name]?.push(await measure({ MODEL_DIRS: models, MENAGERIE_MODELS: MODELS.join(','), ...settings }));
    }
  }
});

const rows = Object.entries(measured).map(([allocator, all]) => ({
  allocator,
  first_mb: spreadOf(all.map(({ first }) => first)),
  peak_mb: spreadOf(all.map(({ peak }) => peak)),
  after_mb: spreadOf(all.map(({ after }) => after)),
  images_per_s: spreadOf(all.map(({ images_per_s }) => images_per_s)),
  largest_per_s: spreadOf(all.map(({ largest_per_s }) => largest_per_s)),
}));
const figures = {
  machine: MACHINE,
  node: nodeVersions().node,
  pictures: Number(options.pictures),
  rounds: Number(options.rounds),
  rows,
};
if (options.json) process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);
else {
  const lines = rows.map(({ allocator, ...spreads }) => [allocator, ...Object.values(spreads).map(withSpread)]);
  process.stdout.write(table([['ALLOCATOR', 'FIRST MB', 'PEAK MB', 'AFTER MB', 'IMAGES/S', '24 MP/S'], ...lines]));
}
if (options.write) keepFigures('memory', figures);
