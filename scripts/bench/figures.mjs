// What bench.mjs has measured, and finding things in it.
import { readMeasured } from '../measure/measuring.mjs';

/** @typedef {import('../measure/statistics.mjs').Spread} Spread */
/** @typedef {import('./rows.mjs').Labels} Labels */
/** @typedef {{ bytes: number, width: number, height: number }} PictureFacts */
/**
 * @typedef {object} BenchFigures
 * @property {string} machine
 * @property {Record<string, string>} versions
 * @property {string} date
 * @property {number} load_average before it began
 * @property {number} seconds
 * @property {number} [compiled_warm_up] for how many times as long servers in JavaScript warmed up
 * @property {number} rounds
 * @property {number} minutes
 * @property {(import('./round.mjs').Facts & { name: string, picture: PictureFacts, large?: PictureFacts })[]} networks
 * @property {import('./rows.mjs').Row[]} rows
 */

/** @returns {BenchFigures} */
export const readFigures = () => readMeasured('benchmarks');

/** One figure of the row with these labels, if it was measured. @param {BenchFigures} figures @param {Partial<Labels>} labels @param {string} name @returns {Spread | undefined} */
export function find({ rows }, labels, name) {
  const matches = (/** @type {Record<string, unknown>} */ row) =>
    Object.entries(labels).every(([label, value]) => row[label] === value);
  return rows.find(matches)?.figures[name];
}

/** A number with three digits that matter. @param {number} value */
export function number(value) {
  const decimals = value === 0 ? 0 : Math.min(4, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))));
  return value.toFixed(decimals);
}

/** The median alone. @param {Spread | undefined} spread @param {number} factor */
export const median = (spread, factor = 1) => (spread ? number(spread.median * factor) : '');

/** The median, and the least and the greatest. @param {Spread | undefined} spread */
export const withSpread = (spread) =>
  spread ? `${number(spread.median)} (${number(spread.min)}-${number(spread.max)})` : '';

/** In another unit. @param {Spread | undefined} spread @param {number} factor @returns {Spread | undefined} */
export const scaled = (spread, factor) =>
  spread && { median: spread.median * factor, min: spread.min * factor, max: spread.max * factor };

/** @param {Spread | undefined} spread */
export const percent = (spread) => (spread ? `${(100 * spread.median).toFixed(1)} %` : '');
