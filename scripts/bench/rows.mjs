// Collects what is measured, round by round, under labels that say what it was.
import { spreadOf } from '../measure/statistics.mjs';

/**
 * What was measured. `load` is one of: limit (no HTTP), idle, closed (so many connections, each with one request at a time),
 * open (requests at a rate, in percent of capacity), best (of the connections that all services were measured at with that picture),
 * ratio and best_ratio (this server's figures as multiples of those of the service, in closed loops and at best).
 * @typedef {{ network: string, service: string, load: string, level?: number, body?: string, picture?: string }} Labels
 */
/** Figures of one measurement; null where there is none. @typedef {Record<string, number | null>} Figures */
/** @typedef {(labels: Omit<Labels, 'network'>, figures: Figures) => void} Recorder */
/** @typedef {Labels & { figures: Record<string, import('../measure/statistics.mjs').Spread> }} Row */

export class Rows {
  /** @type {Map<string, { labels: Labels, rounds: Figures[] }>} */
  #measured = new Map();

  /** @param {Labels} labels @param {Figures} figures */
  add(labels, figures) {
    const key = JSON.stringify(labels);
    const row = this.#measured.get(key) ?? { labels, rounds: [] };
    row.rounds.push(figures);
    this.#measured.set(key, row);
  }

  /** The median over the rounds of every figure, with the least and the greatest. @returns {Row[]} */
  summary() {
    return [...this.#measured.values()].map(({ labels, rounds }) => {
      const names = [...new Set(rounds.flatMap((figures) => Object.keys(figures)))];
      const figures = names.flatMap((name) => {
        const values = rounds.map((round) => round[name]).filter((value) => typeof value === 'number');
        return values.length > 0 ? [[name, rounded(spreadOf(values))]] : [];
      });
      return { ...labels, figures: Object.fromEntries(figures) };
    });
  }
}

/** Four digits are more than is known. @param {import('../measure/statistics.mjs').Spread} spread */
function rounded({ median, min, max }) {
  const digits = (/** @type {number} */ value) => Number(value.toPrecision(4));
  return { median: digits(median), min: digits(min), max: digits(max) };
}
