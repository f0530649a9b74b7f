#!/usr/bin/env node
// Measures this server against the limit of the machine and against other services: docs/benchmarks.md.
import { loadavg } from 'node:os';
import { resolve } from 'node:path';
import { ASSETS } from '../measure/asset-models.mjs';
import { keepFigures, MACHINE } from '../measure/measuring.mjs';
import { readCommandLine, refuseCommandLine } from '../shared/command-line.mjs';
import { inTemporaryFolder } from '../shared/temporary-folder.mjs';
import { COMPILED_WARM_UP } from './load.mjs';
import { networksWith, openNetworks } from './networks.mjs';
import { pageOf } from './page.mjs';
import { missingOf, PEERS } from './peers.mjs';
import { measureRound } from './round.mjs';
import { Rows } from './rows.mjs';
import { nodeVersions, pythonVersions } from './versions.mjs';

/** This server, this server where no picture gets several threads, and the others. */
const SERVICES = ['menagerie', 'single', ...Object.keys(PEERS)];

const HELP = `Usage: npm run bench -- [options]

Measures, on all cores of this machine, the generator of the load among them:
  limit      decoding, preprocessing and the network, each alone, in process
  services   this server and others that do the same work, with 1, 8 and 32 connections that each have one request at a time, and
             with large pictures: rates, times, CPU for each picture, and memory
  own        more of this server, in the first round only: 2 to 64 connections, raw bodies, health checks, and requests at 50, 80,
             110 and 150 % of what it does at best
Each service is started, warmed up, measured and ended, one after the other, for one network after the other, and all of it again in
every round, so that whatever changes on the machine meets all alike. Prints the medians over the rounds, and the least and the
greatest. Nothing else should run meanwhile. Linux only.

  --assets <folder>    with models/ and images/ (default $ASSETS_DIR or ../shared/assets); without it only the bundled networks
                       are measured
  --networks <list>    default: LeNet-5 with two pictures and those of the assets, or those that are bundled
  --parts <list>       default limit,services,own
  --services <list>    default: ${SERVICES.join(',')}, as far as they are installed;
                       single is this server with one thread for each picture
  --seconds <s>        of a measurement; some take half of it (default 3)
  --rounds <n>         default 5
  --python <python>    an interpreter with what those of the services need that are written in Python; without it there are none
                       (scripts/bench/peers/install.sh makes one)
  --against <folder>   another checkout of this repository, built, as one more service
  --json               for machines
  --keep               write docs/measured/benchmarks.json, of which npm run docs makes docs/benchmarks.md
  --help               this text
`;
/** @type {import('./round.mjs').Part[]} */
const PARTS = ['limit', 'services', 'own'];
/** Programs that wait for a core: more than this, and figures are theirs too. */
const QUIET_LOAD = 0.5;

// For all that are started from here: nobody's figures should hold the runtime's reports to its makers.
process.env.ORT_DISABLE_TELEMETRY = '1';

const { values: options } = readCommandLine(HELP, {
  assets: { type: 'string', default: ASSETS },
  networks: { type: 'string' },
  parts: { type: 'string', default: PARTS.join(',') },
  services: { type: 'string', default: SERVICES.join(',') },
  seconds: { type: 'string', default: '3' },
  rounds: { type: 'string', default: '5' },
  python: { type: 'string' },
  against: { type: 'string' },
  json: { type: 'boolean', default: false },
  keep: { type: 'boolean', default: false },
});

const begun = performance.now();
const progress = (/** @type {string} */ text) => {
  const minutes = (performance.now() - begun) / 60_000;
  process.stderr.write(`${minutes.toFixed(1).padStart(5)} min  ${text}\n`);
};

const assets = resolve(options.assets);
const known = networksWith(assets);
if (!known.includes('resnet50')) progress(`there are no networks in ${assets}: only the bundled ones are measured`);
const names = options.networks?.split(',') ?? known;
const parts = new Set(PARTS.filter((part) => options.parts.split(',').includes(part)));
const [seconds, rounds] = [Number(options.seconds), Number(options.rounds)];
const strange = [
  ...options.parts.split(',').filter((name) => !PARTS.some((part) => part === name)),
  ...options.services.split(',').filter((name) => !SERVICES.includes(name)),
];
if (strange.length > 0) refuseCommandLine(HELP, `There is no ${strange.join(', ')}.`);
if (!(seconds > 0) || !(rounds >= 1)) refuseCommandLine(HELP, 'Seconds and rounds must be positive.');
const { python, against } = options;
const versions = { ...nodeVersions(), ...(python ? pythonVersions(python) : {}) };
const services = options.services.split(',').filter((name) => {
  const missing = missingOf(name, versions);
  if (missing.length > 0) progress(`${name} is left out: ${python ?? 'without --python'} has no ${missing.join(', ')}`);
  return missing.length === 0;
});
if (against !== undefined) services.push('before');
const loadAverage = loadavg()[0] ?? 0;
if (loadAverage > QUIET_LOAD) progress(`warning: the machine is busy (load average ${loadAverage.toFixed(2)})`);

await inTemporaryFolder(async (temporary) => {
  const { networks, modelDirs } = await openNetworks(names, assets, temporary);
  const settings = { MODEL_DIRS: modelDirs };
  const rows = new Rows();
  /** @type {{ network: import('./networks.mjs').Network, facts: import('./round.mjs').Facts }[]} */
  const measured = networks.map((network) => ({ network, facts: { differing: [] } }));
  for (let round = 1; round <= rounds; round++) {
    for (const { network, facts } of measured) {
      progress(`round ${round} of ${rounds}: ${network.name}`);
      await measureRound(network, facts, {
        parts,
        services,
        round,
        seconds,
        temporary,
        settings,
        python,
        against,
        rows,
        progress,
      });
    }
  }
  const figures = {
    machine: MACHINE,
    versions,
    date: new Date().toISOString().slice(0, 10),
    load_average: loadAverage,
    seconds,
    compiled_warm_up: COMPILED_WARM_UP,
    rounds,
    minutes: Math.round((performance.now() - begun) / 60_000),
    networks: measured.map(({ network: { name, small, large }, facts }) => {
      const shown = (/** @type {import('./requests.mjs').Picture} */ { bytes, width, height }) => ({
        bytes: bytes.length,
        width,
        height,
      });
      return { name, picture: shown(small), ...(large ? { large: shown(large) } : {}), ...facts };
    }),
    rows: rows.summary(),
  };
  if (options.keep) keepFigures('benchmarks', figures);
  process.stdout.write(options.json ? `${JSON.stringify(figures, null, 2)}\n` : pageOf(figures));
});
