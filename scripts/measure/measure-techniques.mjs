#!/usr/bin/env node
// Measures what several crops, test-time augmentation and ensembles are worth, for the tables in docs/.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readCommandLine, refuseCommandLine } from '../shared/command-line.mjs';
import { inTemporaryFolder } from '../shared/temporary-folder.mjs';
import { ASSET_MODELS, writeAssetModels } from './asset-models.mjs';
import { dataOptions, keepFigures, MACHINE, measuredFile, menagerie, readMeasured } from './measuring.mjs';

const HELP = `Usage: node scripts/measure/measure-techniques.mjs --assets <folder> [--fresh] [--limit <n>]

Evaluates the real networks of the assets folder on its 250 ImageNet pictures with every technique that docs/ explains, and
writes docs/measured/techniques.json; npm run docs puts the figures into the pages. It takes about an hour on two cores. What
was measured is kept after each step, so it can be interrupted.

  --assets <folder>  networks and pictures (its README.md says what is what)
  --fresh            measure everything again
  --limit <n>        so many pictures, to try it out (nothing is written)
  --help             this text
`;

const { values: options } = readCommandLine(HELP, {
  assets: { type: 'string' },
  fresh: { type: 'boolean', default: false },
  limit: { type: 'string' },
});
if (options.assets === undefined) refuseCommandLine(HELP, 'Name the folder of the assets.');

const { squeezenet, mobilenet, resnet18, resnet50 } = ASSET_MODELS;
const ids = Object.values(ASSET_MODELS);
const four = ['--models', ids.join(',')];
/** @param {string} group @param {string} name @param {string[]} args */
const step = (group, name, ...args) => ({ group, name, args });
/** What is measured. */
const STEPS = [
  ...ids.map((id) => step('crops', `${id} 1`, id)),
  ...ids.map((id) => step('crops', `${id} 10`, id, '--crops', '10')),
  ...[squeezenet, mobilenet].map((id) => step('crops', `${id} 144`, id, '--crops', '144')),
  ...[squeezenet, resnet18].flatMap((id) =>
    ['mirror', 'crops:9', 'rotate:10', 'shear:10', 'colour:0.1', 'mirror,crops:4,rotate:5'].map((tta) =>
      step('tta', `${id} ${tta}`, id, '--tta', tta),
    ),
  ),
  ...['probabilities', 'logits', 'vote'].map((rule) => step('ensemble', rule, ...four, '--combine', rule)),
  step('ensemble', 'probabilities, 10 crops', ...four, '--crops', '10'),
  step('ensemble', 'without ResNet-50', '--models', [squeezenet, mobilenet, resnet18].join(',')),
  step('ensemble', 'ResNet-18 and ResNet-50', '--models', [resnet18, resnet50].join(',')),
];

const NAME = 'techniques';
const { assets } = options;
const pictures = dataOptions(join(assets, 'datasets/imagenet-sample-250'), options.limit);

/** @type {{ machine: string, workers: number, images: number, rows: object[] }} */
let measured = { machine: '', workers: 0, images: 0, rows: [] };
if (existsSync(measuredFile(NAME)) && !options.fresh) measured = readMeasured(NAME);
measured.machine = MACHINE;
await inTemporaryFolder((models) => {
  writeAssetModels(assets, models);
  for (const { group, name, args } of STEPS) {
    if (measured.rows.some((row) => 'name' in row && row.name === name && 'group' in row && row.group === group))
      continue;
    const report = menagerie(['eval', ...args, ...pictures], { MODEL_DIRS: models });
    const { images, workers, views, top1, top5, mean_loss, calibration_error, ms_per_image } = report;
    const row = { group, name, views, top1, top5, mean_loss, calibration_error, ms_per_image };
    process.stderr.write(`${group} ${name}: top-1 ${(100 * top1).toFixed(1)} %, ${ms_per_image.toFixed(1)} ms\n`);
    measured = { ...measured, workers, images, rows: [...measured.rows, row] };
    if (options.limit === undefined) keepFigures(NAME, measured);
  }
});
