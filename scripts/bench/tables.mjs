// The tables of docs/benchmarks.md: the limit, and this server beside the others.

import { table } from '../docs/markdown.mjs';
import { find, median, percent, times, withSpread } from './figures.mjs';

/** @typedef {import('./figures.mjs').BenchFigures} BenchFigures */

/** @type {Record<string, string>} */
export const TITLES = { menagerie: 'menagerie', python: 'Python', naive: 'naive Node' };
export const SMALL_FORM = { load: 'closed', body: 'form', picture: 'small' };

/** Services that were measured, of the common order. @param {BenchFigures} figures */
export const servicesOf = ({ rows }) =>
  Object.keys(TITLES).filter((name) => rows.some(({ service }) => service === name));

/** @param {BenchFigures} figures */
export function limitTable(figures) {
  const header = ['Network', 'Decode', 'Preprocess', 'Network alone', 'Pictures in a run', 'All three'];
  return table(
    header,
    figures.networks.map(({ name, batch }) => {
      const of = (/** @type {string} */ part) => withSpread(find(figures, { network: name, load: 'limit' }, part));
      return [name, of('decode'), of('preprocess'), of('network'), String(batch ?? ''), of('all')];
    }),
  );
}

/** Best of the connections at which all were measured. @param {BenchFigures} figures */
export function throughputTable(figures) {
  const services = servicesOf(figures);
  const header = [
    'Network',
    ...services.map((name) => TITLES[name] ?? ''),
    'of the limit',
    'of the network alone',
    'to Python',
    'to naive Node',
  ];
  return table(
    header,
    figures.networks.map(({ name: network }) => {
      const best = (/** @type {string} */ service, /** @type {string} */ figure) =>
        find(figures, { network, service, load: 'best', picture: 'small' }, figure);
      return [
        network,
        ...services.map((service) => withSpread(best(service, 'images_per_s'))),
        percent(best('menagerie', 'of_limit')),
        percent(best('menagerie', 'of_network')),
        times(best('menagerie', 'of_python')),
        times(best('menagerie', 'of_naive')),
      ];
    }),
  );
}

/** The same of large pictures. @param {BenchFigures} figures */
export function largeTable(figures) {
  const services = servicesOf(figures);
  const header = ['Network', ...services.map((name) => TITLES[name] ?? ''), 'to Python', 'to naive Node'];
  const latency = 'menagerie: p50 / p95 / p99 ms';
  const networks = figures.networks.filter(({ large }) => large);
  return table(
    [...header, latency],
    networks.map(({ name: network }) => {
      const best = (/** @type {string} */ service, /** @type {string} */ figure) =>
        find(figures, { network, service, load: 'best', picture: 'large' }, figure);
      const own = { network, service: 'menagerie', load: 'closed', picture: 'large' };
      return [
        network,
        ...services.map((service) => withSpread(best(service, 'images_per_s'))),
        times(best('menagerie', 'of_python')),
        times(best('menagerie', 'of_naive')),
        ['p50_ms', 'p95_ms', 'p99_ms'].map((figure) => median(find(figures, own, figure))).join(' / '),
      ];
    }),
  );
}

/** @param {BenchFigures} figures */
export function latencyTable(figures) {
  const services = servicesOf(figures);
  const header = ['Network', 'Connections', ...services.map((name) => `${TITLES[name]}: p50 / p95 / p99 ms`)];
  return table(
    header,
    figures.networks.flatMap(({ name: network }) =>
      [1, 8].map((level) => [
        network,
        String(level),
        ...services.map((service) =>
          ['p50_ms', 'p95_ms', 'p99_ms']
            .map((figure) => median(find(figures, { network, service, level, ...SMALL_FORM }, figure)))
            .join(' / '),
        ),
      ]),
    ),
  );
}
