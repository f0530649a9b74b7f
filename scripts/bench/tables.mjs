// The tables of docs/benchmarks.md: the limit, and this server beside the others.

import { table } from '../docs/markdown.mjs';
import { find, median, percent, withSpread } from './figures.mjs';
import { PEERS } from './peers.mjs';

/** @typedef {import('./figures.mjs').BenchFigures} BenchFigures */

/** @type {Record<string, string>} */
export const TITLES = {
  menagerie: 'menagerie',
  before: 'menagerie before',
  ...Object.fromEntries(Object.entries(PEERS).map(([name, { title }]) => [name, title])),
};
export const SMALL_FORM = { load: 'closed', body: 'form', picture: 'small' };

/** Services that were measured, of the common order. @param {BenchFigures} figures @param {string} picture */
export const servicesOf = ({ rows }, picture = 'small') =>
  Object.keys(TITLES).filter((name) => rows.some((row) => row.service === name && row.picture === picture));

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
  const header = ['Network', ...services.map((name) => TITLES[name] ?? ''), 'of the limit', 'of the network alone'];
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
      ];
    }),
  );
}

/** This server's figures as multiples of those of each other service. @param {BenchFigures} figures */
export function ratioTable(figures) {
  const header = ['Network', 'Beside', 'Pictures a second', 'CPU for a picture', 'Memory'];
  const others = servicesOf(figures).filter((name) => name !== 'menagerie');
  return table(
    [...header, 'p50, 1 connection', 'p99, 8 connections'],
    figures.networks.flatMap(({ name: network }) =>
      others.map((service) => {
        const at = (/** @type {number} */ level, /** @type {string} */ figure) =>
          withSpread(find(figures, { network, service, load: 'ratio', level, picture: 'small' }, figure));
        const best = { network, service, load: 'best_ratio', picture: 'small' };
        return [
          network,
          TITLES[service] ?? '',
          withSpread(find(figures, best, 'images_per_s')),
          at(32, 'cpu_s_per_image'),
          at(32, 'pss_mb'),
          at(1, 'p50_ms'),
          at(8, 'p99_ms'),
        ];
      }),
    ),
  );
}

/** Large pictures. @param {BenchFigures} figures */
export function largeTable(figures) {
  const services = servicesOf(figures, 'large');
  const others = services.filter((name) => name !== 'menagerie');
  const header = ['Network', ...services.map((name) => TITLES[name] ?? '')];
  const ratios = others.map((name) => `to ${TITLES[name]}`);
  const latency = 'menagerie: p50 / p95 / p99 ms';
  const networks = figures.networks.filter(({ large }) => large);
  return table(
    [...header, ...ratios, latency],
    networks.map(({ name: network }) => {
      const of = (/** @type {string} */ service, /** @type {string} */ load) =>
        withSpread(find(figures, { network, service, load, picture: 'large' }, 'images_per_s'));
      const own = { network, service: 'menagerie', load: 'closed', picture: 'large' };
      return [
        network,
        ...services.map((service) => of(service, 'best')),
        ...others.map((service) => of(service, 'best_ratio')),
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
      [1, 8, 32].map((level) => [
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
