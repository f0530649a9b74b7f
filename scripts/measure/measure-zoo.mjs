#!/usr/bin/env node
// Measures the bundled CIFAR-10 networks, each alone and all together, for docs/zoo.md.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median } from '../../dist/core/median.js';
import { readCommandLine, refuseCommandLine } from '../shared/command-line.mjs';
import { dataOptions, keepFigures, MACHINE, menagerie, readMeasured } from './measuring.mjs';

const HELP = `Usage: node scripts/measure/measure-zoo.mjs --data <folder> [--changed] [--limit <n>]

Evaluates every bundled network for CIFAR-10 on labelled pictures, plain, mirrored too, in ten crops, and in int8, and all of them
together, times them on one thread, and writes docs/measured/zoo.json; npm run docs makes docs/zoo.md of it.

  --data <folder>  the 10,000 test pictures, a folder for each class (cifar10/test of the unpacked archive)
  --changed        look again only at networks whose files are not those measured before; times are all taken anew
  --limit <n>      so many pictures, to try it out (nothing is written)
  --help           this text
`;

const { values: options } = readCommandLine(HELP, {
  data: { type: 'string' },
  changed: { type: 'boolean', default: false },
  limit: { type: 'string' },
});
if (options.data === undefined) refuseCommandLine(HELP, 'Name the folder of the pictures.');

const root = fileURLToPath(new URL('../..', import.meta.url));
const manifests = readdirSync(join(root, 'models'))
  .filter((name) => name.startsWith('cifar10-'))
  .map((name) => JSON.parse(readFileSync(join(root, 'models', name, 'manifest.json'), 'utf8')));

const pictures = dataOptions(options.data, options.limit);

/** Accuracy of whoever is named. @param {string[]} who */
function accuracy(...who) {
  const report = menagerie(['eval', ...who, ...pictures]);
  process.stderr.write(`${who.join(' ')}: top-1 ${(100 * report.top1).toFixed(2)} %\n`);
  const { images, top1, top1_interval: interval, mean_loss: loss, calibration_error: error } = report;
  return { images, top1, interval, loss, error };
}

/** Milliseconds of each file on one thread: the median of rounds in which all have their turn. @returns {Record<string, number>} */
function times() {
  /** @type {Record<string, number[]>} */
  const all = {};
  for (let round = 0; round < 5; round++) {
    for (const { id, variants } of manifests) {
      for (const variant of Object.keys(variants)) {
        const { totals } = menagerie(['summary', id, '--variant', variant, '--timing']);
        all[`${id}:${variant}`] = [...(all[`${id}:${variant}`] ?? []), totals.ms];
      }
    }
  }
  return Object.fromEntries(Object.entries(all).map(([key, values]) => [key, median(values)]));
}

/** Accuracies of one network in every way that it is shown. @param {string} id @param {object} variants */
function accuracies(id, variants) {
  const single = accuracy(id);
  const mirrored = accuracy(id, '--tta', 'mirror');
  const tenCrops = accuracy(id, '--crops', '10');
  return { single, mirrored, tenCrops, int8: 'int8' in variants ? accuracy(id, '--variant', 'int8') : undefined };
}

/** @type {(ReturnType<typeof accuracies> & { sha256: string[] })[]} */
const before = options.changed ? readMeasured('zoo').networks : [];
const ms = times();
const networks = manifests.map(({ id, title, variants }) => {
  const sha256 = Object.values(variants).map((variant) => variant.sha256);
  const known = before.find((network) => network.sha256.join() === sha256.join());
  const { totals } = menagerie(['summary', id]);
  const { single, mirrored, tenCrops, int8 } = known ?? accuracies(id, variants);
  return {
    id,
    title,
    sha256,
    parameters: totals.parameters,
    macs: totals.macs,
    bytes: variants.fp32.bytes,
    ms: ms[`${id}:fp32`],
    single,
    mirrored,
    tenCrops,
    ...(int8 ? { int8: { ...int8, bytes: variants.int8.bytes, ms: ms[`${id}:int8`] } } : {}),
  };
});
const together = accuracy('cifar10-all', '--crops', '10');
if (options.limit === undefined) keepFigures('zoo', { machine: MACHINE, networks, together });
