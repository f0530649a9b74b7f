import { asPercent } from '../../core/units.js';
import type { MeasuredShare } from '../../training/report/report-parts.js';
import type { TrainingReport } from '../../training/report/training-report.js';
import { escapeHtml } from '../html.js';
import { withInterval } from './training-rows.js';

// Drawings of the page. Their colours are those of the page, so that they suit a dark screen too.

const WIDTH = 640;
const HEIGHT = 260;
const EDGE = { left: 56, right: 24, top: 12, bottom: 44 };

/** The learning curve: accuracy by pictures of a class, on a logarithmic axis, with intervals and the base rate. */
export function learningCurveSvg({ learning_curve, cross_validation }: TrainingReport): string {
  const { points } = learning_curve;
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last || first === last) return '';
  const base = cross_validation.base_rate.value;
  const lowest = Math.floor(10 * Math.min(base, ...points.map(({ accuracy }) => accuracy.low))) / 10;
  const [from, to] = [Math.log2(first.per_class), Math.log2(last.per_class)];
  const x = (perClass: number) =>
    round(EDGE.left + ((Math.log2(perClass) - from) / (to - from)) * (WIDTH - EDGE.left - EDGE.right));
  const y = (share: number) =>
    round(EDGE.top + ((1 - share) / Math.max(0.1, 1 - lowest)) * (HEIGHT - EDGE.top - EDGE.bottom));
  const right = WIDTH - EDGE.right;
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => lowest + part * (1 - lowest));
  const grid = ticks.map(
    (share) =>
      `<path class="grid" d="M${EDGE.left} ${y(share)}H${right}"/>` +
      `<text x="${EDGE.left - 8}" y="${y(share) + 4}" text-anchor="end">${(100 * share).toFixed(0)} %</text>`,
  );
  const marks = points.map(
    ({ per_class, accuracy }) =>
      `<path class="whisker" d="M${x(per_class)} ${y(accuracy.low)}V${y(accuracy.high)}"/>` +
      `<circle cx="${x(per_class)}" cy="${y(accuracy.value)}" r="4"><title>${per_class}: ${withInterval(accuracy)}</title></circle>` +
      `<text x="${x(per_class)}" y="${HEIGHT - EDGE.bottom + 18}" text-anchor="middle">${per_class}</text>`,
  );
  const line = points.map(({ per_class, accuracy }) => `${x(per_class)} ${y(accuracy.value)}`).join('L');
  const says = `Accuracy from ${asPercent(first.accuracy.value)} with ${first.per_class} to ${asPercent(last.accuracy.value)} with ${last.per_class} pictures of a class`;
  return `<svg class="chart" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(says)}">
${grid.join('\n')}
<path class="base" d="M${EDGE.left} ${y(base)}H${right}"/>
<text x="${right}" y="${y(base) - 5}" text-anchor="end">base rate</text>
<path class="curve" d="M${line}"/>
${marks.join('\n')}
<text x="${(EDGE.left + right) / 2}" y="${HEIGHT - 6}" text-anchor="middle">pictures of a class</text>
</svg>`;
}

/** An accuracy on a bar from 0 to 100 %, with its interval and the base rate. */
export function accuracyBar({ value, low, high }: MeasuredShare, base: number): string {
  const [at, from, to, mark] = [value, low, high, base].map((share) => round(400 * share));
  const says = `${withInterval({ value, low, high })}; base rate ${asPercent(base)}`;
  return `<svg class="accuracy" viewBox="0 0 400 24" role="img" aria-label="${escapeHtml(says)}">
<rect class="all" width="400" height="10" y="7" rx="3"/><rect class="right" width="${at}" height="10" y="7" rx="3"/>
<path class="whisker" d="M${from} 3V21M${from} 12H${to}M${to} 3V21"/><path class="base" d="M${mark} 0V24"/>
</svg>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
