// Tables of docs/multi-crop.md, test-time-augmentation.md, ensembles.md and cost.md, from what was measured (docs/measured).
import { ASSET_TITLES } from '../measure/asset-models.mjs';
import { readMeasured } from '../measure/measuring.mjs';
import { paragraph } from './markdown.mjs';

/** @typedef {{ group: string, name: string, views: number, top1: number, top5: number, mean_loss: number, calibration_error: number }} Row */

/** What measure-techniques.mjs has written. @returns {{ images: number, rows: Row[] }} */
const techniques = () => readMeasured('techniques');

/** A network's title and the rest of a row's name. @param {string} name */
function titled(name) {
  const [id = '', ...rest] = name.split(' ');
  return [ASSET_TITLES[id] ?? id, rest.join(' ')];
}

const percent = (/** @type {number} */ share) => `${(100 * share).toFixed(1)} %`;

/** @param {Row} row */
const figures = ({ top1, top5, mean_loss: loss, calibration_error: error }) => [
  percent(top1),
  percent(top5),
  loss.toFixed(3),
  percent(error),
];
const HEADER = ['Top-1', 'Top-5', 'Mean loss', 'Calibration error'];

/** @returns {{ header: string[], rows: unknown[][] }} */
export function cropTable() {
  const rows = techniques().rows.filter(({ group }) => group === 'crops');
  const order = Object.values(ASSET_TITLES);
  const cells = rows.map((row) => [...titled(row.name), ...figures(row)]);
  cells.sort((a, b) => order.indexOf(a[0] ?? '') - order.indexOf(b[0] ?? '') || Number(a[1]) - Number(b[1]));
  return { header: ['Network', 'Crops', ...HEADER], rows: cells };
}

/** @returns {{ header: string[], rows: unknown[][] }} */
export function augmentationTable() {
  const { rows } = techniques();
  const augmented = rows.filter(({ group }) => group === 'tta');
  const networks = [...new Set(augmented.map(({ name }) => name.split(' ')[0]))];
  const cells = networks.flatMap((id) => {
    const plain = rows.filter(({ group, name }) => group === 'crops' && name === `${id} 1`);
    return [...plain, ...augmented.filter(({ name }) => name.startsWith(`${id} `))].map((row) => {
      const [title, rest] = titled(row.name);
      return [title, row.group === 'crops' ? 'none' : `\`${rest}\``, row.views, ...figures(row)];
    });
  });
  return { header: ['Network', '`tta`', 'Views', ...HEADER], rows: cells };
}

/** @returns {{ header: string[], rows: unknown[][] }} */
export function ensembleTable() {
  const { rows } = techniques();
  const alone = rows.filter(({ group, name }) => group === 'crops' && name.endsWith(' 1'));
  const together = rows.filter(({ group }) => group === 'ensemble');
  return {
    header: ['Who answers', ...HEADER],
    rows: [
      ...alone.map((row) => [`${titled(row.name)[0]} alone`, ...figures(row)]),
      ...together.map((row) => [row.name.replace(/^(probabilities|logits|vote)/, 'all four, `$1`'), ...figures(row)]),
    ],
  };
}

/** @typedef {{ connections: number, alone99: number, beside99: number, ratio50: number, ratio99: number }} Fairness */

/** What bench-fairness.mjs has written. @returns {{ machine: string, requests: number, rows: Fairness[] }} */
const fairness = () => readMeasured('fairness');

/** @returns {string} */
export function fairnessText() {
  const { machine, requests } = fairness();
  return paragraph(
    `Measured by \`node scripts/measure/bench-fairness.mjs\` on ${machine}: ${requests} single-crop requests to ResNet-18, alone and ` +
      'beside a request for 10 crops of fifteen ResNet-18 (150 pieces of the same size), which is always there.',
  );
}

/** @returns {{ header: string[], rows: unknown[][] }} */
export function fairnessTable() {
  return {
    header: ['Requests at a time', '99th percentile alone', 'Beside the other', 'Ratio', 'Ratio of the medians'],
    rows: fairness().rows.map(({ connections, alone99, beside99, ratio50, ratio99 }) => [
      connections,
      `${alone99.toFixed(0)} ms`,
      `${beside99.toFixed(0)} ms`,
      ratio99.toFixed(2),
      ratio50.toFixed(2),
    ]),
  };
}
