// Whether the aims were reached, in words.
import { find } from './figures.mjs';

/** @typedef {import('./figures.mjs').BenchFigures} BenchFigures */

const LIMIT_SHARE = 0.95;
const LIMIT_NETWORKS = ['resnet50', 'resnet50-int8'];
const SMALL_NETWORKS = ['lenet5', 'squeezenet1.1', 'mobilenetv2'];
const SMALL_RATIO = 1.5;
/** What health checks may take longer under load than idle, to count as flat: a few turns of the machine's scheduler. */
const FLAT_MS = 20;

/** One line for each aim. @param {BenchFigures} figures @returns {string[]} */
export function aims(figures) {
  const measured = figures.networks.map(({ name }) => name);
  const best = (/** @type {string} */ network, /** @type {string} */ figure, picture = 'small') =>
    find(figures, { network, service: 'menagerie', load: 'best', picture }, figure)?.median;
  const health = (/** @type {string} */ network, /** @type {Partial<import('./rows.mjs').Labels>} */ labels) =>
    find(figures, { network, service: 'menagerie', ...labels }, 'health_p99_ms')?.median;
  // Rounded down: what is missed by little must not look reached.
  const times = (/** @type {number} */ value) => `${(Math.floor(100 * value) / 100).toFixed(2)}x`;
  const slower = (/** @type {string} */ network) => {
    const [idle, ...loaded] = [{ load: 'idle' }, { load: 'closed', level: 64 }, { load: 'open', level: 150 }].map(
      (at) => health(network, at),
    );
    const known = loaded.filter((value) => value !== undefined);
    return idle === undefined || known.length === 0 ? undefined : Math.max(...known) - idle;
  };
  const besidePython = (/** @type {string} */ picture, /** @type {string} */ shown) => [
    verdict(
      `No slower than the tuned Python service with any network${shown}`,
      measured,
      (network) => best(network, 'of_python', picture),
      (value) => value >= 1,
      times,
    ),
    verdict(
      `At least ${SMALL_RATIO} times as fast as that with ${SMALL_NETWORKS.join(', ')}${shown}`,
      SMALL_NETWORKS,
      (network) => best(network, 'of_python', picture),
      (value) => value >= SMALL_RATIO,
      times,
    ),
  ];
  return [
    verdict(
      `At least ${100 * LIMIT_SHARE} % of the limit with ${LIMIT_NETWORKS.join(' and ')}`,
      LIMIT_NETWORKS,
      (network) => best(network, 'of_limit'),
      (value) => value >= LIMIT_SHARE,
      (value) => `${(Math.floor(1000 * value) / 10).toFixed(1)} %`,
    ),
    ...besidePython('small', ''),
    ...besidePython('large', ', with photographs of 12 megapixels'),
    verdict(
      `Health checks whose 99th percentile under the heaviest load is at most ${FLAT_MS} ms above that of an idle server`,
      measured,
      slower,
      (value) => value <= FLAT_MS,
      (value) => `${value.toFixed(1)} ms`,
    ),
  ];
}

/**
 * @param {string} aim
 * @param {readonly string[]} networks
 * @param {(network: string) => number | undefined} figureOf
 * @param {(value: number) => boolean} reaches
 * @param {(value: number) => string} shown
 */
function verdict(aim, networks, figureOf, reaches, shown) {
  const found = networks.flatMap((network) => {
    const value = figureOf(network);
    return value === undefined ? [] : [{ network, value }];
  });
  const list = (/** @type {typeof found} */ entries) =>
    entries.map(({ network, value }) => `${network} ${shown(value)}`).join(', ');
  const missed = found.filter(({ value }) => !reaches(value));
  if (found.length === 0) return `${aim}: not measured.`;
  const result = missed.length === 0 ? `reached (${list(found)})` : `missed: ${list(missed)}`;
  const absent = networks.filter((name) => !found.some(({ network }) => network === name));
  return `${aim}: ${result}${absent.length > 0 ? `; not measured: ${absent.join(', ')}` : ''}.`;
}
