#!/usr/bin/env node
// Measures how much memory the server takes beside the Python service with as many processes, for docs/deployment.md.
import { setTimeout as sleep } from 'node:timers/promises';
import { table } from '../../dist/report/format.js';
import { withSpread } from '../bench/figures.mjs';
import { measureLoad, warmUp } from '../bench/load.mjs';
import { networksWith, openNetworks } from '../bench/networks.mjs';
import { asForm } from '../bench/requests.mjs';
import { startMenagerie, startPython } from '../bench/services.mjs';
import { nodeVersions } from '../bench/versions.mjs';
import { readCommandLine } from '../shared/command-line.mjs';
import { inTemporaryFolder } from '../shared/temporary-folder.mjs';
import { ASSETS } from './asset-models.mjs';
import { keepFigures, MACHINE } from './measuring.mjs';
import { spreadOf } from './statistics.mjs';
import { watchTree } from './tree-memory.mjs';

const HELP = `Usage: node scripts/measure/measure-memory.mjs [options]

Starts the server and the Python service with a process for each core, turn and turn about; asks each for photographs, eight at a
time; and prints the memory (PSS) of all their processes at rest, and at most under load. Linux only. Pages of Node that this
script shares with the server are divided among them too, which is about 10 MB.

  --python <command>  with fastapi, uvicorn, python-multipart, pillow, numpy, onnxruntime (default python3)
  --assets <folder>   with models/ and images/ (default $ASSETS_DIR or ../shared/assets)
  --networks <names>  default: all of the assets
  --setting <A=B>     of the server's environment, any number of times
  --seconds <n>       of each load (default 8)
  --rounds <n>        default 3
  --json              for machines
  --write             keep the figures in docs/measured/memory-beside-python.json
  --help              this text
`;

const { values: options } = readCommandLine(HELP, {
  python: { type: 'string', default: 'python3' },
  assets: { type: 'string', default: ASSETS },
  networks: { type: 'string' },
  setting: { type: 'string', multiple: true, default: [] },
  seconds: { type: 'string', default: '8' },
  rounds: { type: 'string', default: '3' },
  json: { type: 'boolean', default: false },
  write: { type: 'boolean', default: false },
});

const CONNECTIONS = 8;
/** Until what starting took is over. */
const REST_MS = 3_000;
const seconds = Number(options.seconds);
const names = options.networks?.split(',') ?? networksWith(options.assets).filter((name) => name !== 'lenet5');
const settings = Object.fromEntries(options.setting.map((each) => each.split(/=(.*)/s, 2)));

/** @param {import('../bench/services.mjs').Service} service @param {import('../bench/networks.mjs').Network} network */
async function measure(service, network) {
  const form = asForm(network.small);
  await sleep(REST_MS);
  const watch = watchTree(service.pid);
  try {
    const { now: rest } = watch.read();
    await warmUp(service, form, seconds);
    await measureLoad(service, form, { connections: CONNECTIONS }, seconds);
    return { rest, most: watch.read().most };
  } finally {
    watch.stop();
    await service.stop();
  }
}

/** @type {Record<string, Record<'own' | 'python', { rest: number, most: number }[]>>} */
const measured = Object.fromEntries(names.map((name) => [name, { own: [], python: [] }]));
await inTemporaryFolder(async (folder) => {
  const { networks, modelDirs } = await openNetworks(names, options.assets, folder);
  for (let round = 1; round <= Number(options.rounds); round++) {
    for (const network of networks) {
      process.stderr.write(`round ${round} of ${options.rounds}: ${network.name}\n`);
      const own = await measure(await startMenagerie(network, { MODEL_DIRS: modelDirs, ...settings }), network);
      const python = await measure(await startPython(network, options.python, 'processes'), network);
      measured[network.name]?.own.push(own);
      measured[network.name]?.python.push(python);
    }
  }
});

const rows = Object.entries(measured).map(([network, { own, python }]) => {
  const [under, beside] = [own, python].map((all) => spreadOf(all.map(({ most }) => most)));
  return {
    network,
    rest_mb: spreadOf(own.map(({ rest }) => rest)),
    most_mb: under,
    python_rest_mb: spreadOf(python.map(({ rest }) => rest)),
    python_most_mb: beside,
    ratio: (under?.median ?? 0) / (beside?.median ?? 0),
  };
});
const figures = { machine: MACHINE, node: nodeVersions().node, rounds: Number(options.rounds), seconds, rows };
if (options.json) process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);
else {
  const lines = rows.map(({ network, ratio, ...spreads }) => [
    network,
    ...Object.values(spreads).map((spread) => (spread ? withSpread(spread) : '')),
    ratio.toFixed(2),
  ]);
  const header = ['NETWORK', 'AT REST, MB', 'UNDER LOAD, MB', 'PYTHON AT REST', 'PYTHON UNDER LOAD', 'RATIO'];
  process.stdout.write(table([header, ...lines]));
}
if (options.write) keepFigures('memory-beside-python', figures);
