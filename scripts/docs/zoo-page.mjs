// Tables and text of docs/zoo.md, from what measure-zoo.mjs has written and the logs of training.
import { existsSync, readFileSync } from 'node:fs';
import { readMeasured } from '../measure/measuring.mjs';
import { paragraph } from './markdown.mjs';

/** @typedef {{ images: number, top1: number, interval: [number, number], loss: number, error: number }} Accuracy */
/** @typedef {{ id: string, title: string, parameters: number, macs: number, bytes: number, ms: number, single: Accuracy, mirrored: Accuracy, tenCrops: Accuracy, int8?: Accuracy & { bytes: number, ms: number } }} Network */

/** @type {{ machine: string, networks: Network[], together?: Accuracy }} */
const { machine, networks, together } = readMeasured('zoo');

const LOGS = new URL('../train/cifar10/logs/', import.meta.url);

/** The last line of a training log. @param {string} name that of the log */
function training(name) {
  const log = readFileSync(new URL(`${name}.jsonl`, LOGS), 'utf8');
  const lines = log
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return lines.findLast((line) => line.network !== undefined && line.epochs !== undefined);
}

/** What follows the id of a network in tables of accuracies, if it was trained in two cycles, longer than the others. @param {string} id */
export const longerMark = (id) => (existsSync(new URL(`${id}.jsonl`, LOGS)) && training(id).earlier_epochs ? ' †' : '');
/** @param {{ epochs: number, earlier_epochs?: number }} log */
const epochsOf = ({ epochs, earlier_epochs: earlier }) => (earlier ? `${earlier} + ${epochs - earlier}` : epochs);

const percent = (/** @type {number} */ share) => `${(100 * share).toFixed(2)} %`;
const megabytes = (/** @type {number} */ bytes) => `${(bytes / 1e6).toFixed(2)} MB`;
const yardstick = networks.find(({ id }) => id === 'cifar10-resnet20')?.ms ?? 1;
const ratio = (/** @type {number} */ ms) => (ms / yardstick).toFixed(2);

/** Networks: the best first. */
const ranked = [...networks].sort((a, b) => b.single.top1 - a.single.top1);

/** @returns {{ header: string[], rows: unknown[][] }} */
export function zooTable() {
  return {
    header: [
      'Network',
      'Epochs',
      'Parameters',
      'MACs',
      'File',
      'Top-1',
      'Mirrored too',
      '10 crops',
      'Time',
      'int8 file',
      'int8 top-1',
      'int8 time',
    ],
    rows: ranked.map(({ id, parameters, macs, bytes, ms, single, mirrored, tenCrops, int8 }) => [
      `\`${id}\`${longerMark(id)}`,
      epochsOf(training(id)),
      parameters.toLocaleString('en'),
      `${(macs / 1e6).toFixed(1)} M`,
      megabytes(bytes),
      percent(single.top1),
      percent(mirrored.top1),
      percent(tenCrops.top1),
      ratio(ms),
      int8 ? megabytes(int8.bytes) : '',
      int8 ? percent(int8.top1) : '',
      int8 ? ratio(int8.ms) : '',
    ]),
  };
}

/** @returns {{ header: string[], rows: unknown[][] }} */
export function trainingTable() {
  return {
    header: [
      'Network',
      'Epochs',
      'Of these on small crops',
      'Label smoothing',
      'Minutes',
      'Last training loss',
      'Held-out top-1',
      'Test top-1',
    ],
    rows: ranked.map(({ id }) => {
      const log = training(id);
      return [
        `\`${id}\`${longerMark(id)}`,
        epochsOf(log),
        log.small_epochs,
        log.smoothing || '',
        Math.round(log.seconds / 60),
        log.train_loss,
        `${log.held_out_top1.toFixed(2)} %`,
        `${log.test_top1.toFixed(2)} %`,
      ];
    }),
  };
}

const LITE = ['efficientnet-lite0', 'efficientnet-lite2'];

/** The networks for ImageNet. @returns {{ header: string[], rows: unknown[][] }} */
export function liteTable() {
  const rows = LITE.flatMap((id) => {
    const read = (/** @type {string} */ file) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
    const { variants, default_variant } = JSON.parse(read(`models/${id}/manifest.json`));
    const log = read(`scripts/convert/efficientnet_lite/logs/${id}.jsonl`).trim().split('\n');
    const measured = new Map(log.map((line) => JSON.parse(line)).map((row) => [row.sha256, row]));
    return Object.entries(variants).map(([name, { sha256, bytes, top1: published }]) => {
      const { top1, top1_not_calibrated_on: others, cpu_ms: ms } = measured.get(sha256);
      const shown = (/** @type {number} */ value) => `${value.toFixed(1)} %`;
      const variant = name === default_variant ? `${name} (default)` : name;
      return [`\`${id}\``, variant, megabytes(bytes), shown(published), shown(top1), shown(others), ms];
    });
  });
  return {
    header: ['Network', 'Variant', 'File', 'Published top-1', 'Sample', 'Not calibrated on', 'CPU ms'],
    rows,
  };
}

/** Logs of networks of two depths without and with shortcuts, all trained by one schedule. */
const DEPTHS = ['cifar10-plain20', 'ten-epochs/cifar10-resnet20', 'cifar10-plain44', 'cifar10-resnet44'];

/** @returns {{ header: string[], rows: unknown[][] }} */
export function depthTable() {
  return {
    header: ['Network', 'Layers', 'Shortcuts', 'Epochs', 'Last training loss', 'Held-out top-1', 'Test top-1'],
    rows: DEPTHS.map((name) => {
      const log = training(name);
      const [, kind, layers] = /^(plain|resnet)(\d+)$/.exec(log.network) ?? [];
      return [
        `${kind === 'plain' ? 'Plain' : 'ResNet'}-${layers}`,
        layers,
        kind === 'plain' ? 'no' : 'yes',
        log.epochs,
        log.train_loss,
        `${log.held_out_top1.toFixed(2)} %`,
        `${log.test_top1.toFixed(2)} %`,
      ];
    }),
  };
}

/** How it was measured, and the accuracy of all networks together. @returns {string} */
export function zooText() {
  const images = networks[0]?.single.images.toLocaleString('en');
  const half = Math.max(...ranked.map(({ single: { interval } }) => interval[1] - interval[0])) / 2;
  const facts = paragraph(
    `† trained longer, in two cycles ([training](#training)). With ${images} pictures, chance alone accounts for up to ${(100 * half).toFixed(1)} points. *Mirrored too* is \`tta=mirror\`. ` +
      '*10 crops* is `crops=10` of the picture with a border of one black pixel; without the border its crops would be the same. ' +
      `*Time* is that of one picture on one thread, as a multiple of ResNet-20's ${yardstick.toFixed(2)} ms (${machine}).`,
  );
  const [best] = [...networks].sort((a, b) => b.tenCrops.top1 - a.tenCrops.top1);
  if (!together || !best) return facts;
  const ensemble = paragraph(
    `With 10 crops, all ${networks.length} together (\`cifar10-all\`; weights by the inverse square of their errors on held-out ` +
      `pictures) reach ${percent(together.top1)}. The best of them alone, \`${best.id}\`, reaches ${percent(best.tenCrops.top1)}.`,
  );
  return `${facts}\n${ensemble}`;
}
