import { Tally } from './tally.mjs';

/** What /metrics says at one moment: Prometheus' text format, as far as the server uses it. */
export class Metrics {
  /** @type {{ name: string, labels: Record<string, string>, value: number }[]} */
  #samples = [];

  /** @param {string} text */
  constructor(text) {
    for (const line of text.split('\n')) {
      const [, name, list = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      if (name === undefined) continue;
      const pairs = list.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g);
      const labels = Object.fromEntries([...pairs].map(([, label, text]) => [label, text]));
      this.#samples.push({ name, labels, value: Number(value) });
    }
  }

  /** Sum over the series of a metric that have these labels. @param {string} name @param {Record<string, string>} wanted */
  value(name, wanted = {}) {
    let sum = 0;
    for (const { labels, value } of this.#series(name)) {
      if (Object.entries(wanted).every(([label, text]) => labels[label] === text)) sum += value;
    }
    return sum;
  }

  /** The series of a metric, each named by the values of some labels. @param {string} name @param {string[]} labelNames */
  by(name, ...labelNames) {
    const tally = new Tally();
    for (const { labels, value } of this.#series(name)) {
      tally.add(labelNames.map((label) => labels[label]).join(' '), value);
    }
    return tally;
  }

  /** @param {string} name without the prefix that all have */
  #series(name) {
    return this.#samples.filter((sample) => sample.name === `menagerie_${name}`);
  }
}
