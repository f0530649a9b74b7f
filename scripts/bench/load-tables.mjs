// The tables of docs/benchmarks.md: more of this server, and what services take of the machine.

import { table } from '../docs/markdown.mjs';
import { find, median, number, scaled, withSpread } from './figures.mjs';
import { SMALL_FORM, servicesOf, TITLES } from './tables.mjs';

/** @typedef {import('./figures.mjs').BenchFigures} BenchFigures */

/** Images a second, and the 99th percentile. @param {BenchFigures} figures */
export function curveTable(figures) {
  const levels = [1, 2, 4, 8, 16, 32, 64];
  return table(
    ['Network', ...levels.map(String)],
    figures.networks.map(({ name: network }) => [
      network,
      ...levels.map((level) => {
        const labels = { network, service: 'menagerie', level, ...SMALL_FORM };
        const rate = median(find(figures, labels, 'images_per_s'));
        return rate && `${rate} (${median(find(figures, labels, 'p99_ms'))} ms)`;
      }),
    ]),
  );
}

/** @param {BenchFigures} figures */
export function openTable(figures) {
  const header = ['Network', 'Load', 'Asked', 'Answered', 'Refused', 'Failed', 'p50 ms', 'p95 ms', 'p99 ms'];
  const names = ['sent_per_s', 'images_per_s', 'refused_per_s', 'failed', 'p50_ms', 'p95_ms', 'p99_ms'];
  return table(
    header,
    figures.networks.flatMap(({ name: network }) =>
      [50, 80, 110, 150].map((level) => [
        network,
        `${level} %`,
        ...names.map((figure) => median(find(figures, { network, load: 'open', level }, figure))),
      ]),
    ),
  );
}

/** @param {BenchFigures} figures */
export function bodiesTable(figures) {
  return table(
    ['Network', 'Form', 'Raw'],
    figures.networks.map(({ name: network }) => {
      const at8 = { network, service: 'menagerie', load: 'closed', level: 8, picture: 'small' };
      const of = (/** @type {string} */ body) => withSpread(find(figures, { ...at8, body }, 'images_per_s'));
      return [network, of('form'), of('raw')];
    }),
  );
}

/** @param {BenchFigures} figures */
export function usageTable(figures) {
  const header = ['Network', 'Service', 'CPU ms', 'CPU ms of the limit', 'Generator, CPU ms', 'Memory, MB'];
  return table(
    header,
    figures.networks.flatMap(({ name: network }) =>
      servicesOf(figures).map((service) => {
        const of = (/** @type {string} */ figure, factor = 1) =>
          withSpread(scaled(find(figures, { network, service, level: 32, ...SMALL_FORM }, figure), factor));
        return [
          network,
          TITLES[service] ?? '',
          of('cpu_s_per_image', 1000),
          median(find(figures, { network, load: 'limit' }, 'cpu_s_per_image'), 1000),
          of('generator_cpu_s_per_image', 1000),
          of('pss_mb'),
        ];
      }),
    ),
  );
}

/** @param {BenchFigures} figures */
export function healthTable(figures) {
  return table(
    ['Network', 'Idle: p50 / p99 ms', '64 connections', '150 % of capacity'],
    figures.networks.map(({ name: network }) => {
      const of = (/** @type {Partial<import('./rows.mjs').Labels>} */ labels) => {
        const [p50, p99] = ['health_p50_ms', 'health_p99_ms'].map((figure) =>
          find(figures, { network, service: 'menagerie', ...labels }, figure),
        );
        return p50 && p99 ? `${number(p50.median)} / ${number(p99.median)}` : '';
      };
      return [network, of({ load: 'idle' }), of({ load: 'closed', level: 64 }), of({ load: 'open', level: 150 })];
    }),
  );
}
