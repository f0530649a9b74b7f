// What this server does over HTTP with one network: idle, in closed loops, in open loops, with large and with plain bodies.
import { setTimeout as sleep } from 'node:timers/promises';
import Type from 'typebox';
import { jsonOf } from '../shared/json-reply.mjs';
import { watchHealth } from './health.mjs';
import { measureLoad, warmUp } from './load.mjs';
import { topClass } from './peers.mjs';
import { asBody, asForm } from './requests.mjs';
import { startMenagerie } from './services.mjs';

/** @typedef {import('./networks.mjs').Network} Network */
/** @typedef {import('./rows.mjs').Figures} Figures */
/** @typedef {(labels: Omit<import('./rows.mjs').Labels, 'network'>, figures: Figures) => void} Recorder */

/**
 * One closed loop: so many connections, for that share of the seconds; the picture is the small one in a form unless said.
 * @typedef {{ connections: number, share: number, body?: 'raw', picture?: 'large' }} Level
 */

/** Images/s to compare services by: of the small picture, at best of the common levels, and of the large one. @typedef {{ small: number, large?: number }} Rates */

/** Levels at which all services are measured. @type {Level[]} */
export const COMMON_LEVELS = [
  { connections: 1, share: 0.5 },
  { connections: 8, share: 1 },
  { connections: 32, share: 1 },
];
/** Large pictures, where the network has any; after all others, as memory remembers them. @type {Level} */
export const LARGE_LEVEL = { connections: 8, share: 1, picture: 'large' };
/** Further points of the curve of this server, for a small, a middling and a large network. @type {Level[]} */
const CURVE_LEVELS = [2, 4, 16].map((connections) => ({ connections, share: 0.5 }));
const CURVE_NETWORKS = ['lenet5', 'cifar10-resnet20', 'mobilenetv2', 'resnet50'];
/** @type {Level} */
const RAW_LEVEL = { connections: 8, share: 0.5, body: 'raw' };
/** More than workers and their queue can use: here health checks are watched. */
const MOST_CONNECTIONS = 64;
/** Of capacity, in percent; those under which queues grow last the whole time. */
const RATES = [50, 80, 110, 150];
/** Work that may wait in the open loop, in seconds, so that a few seconds of overload show what is refused. */
const QUEUE_SECONDS = 0.5;
/** What this server says of the cost of a request. */
const Estimate = Type.Object({ cost_gmacs: Type.Number() });

/**
 * Closed loops; at the common levels only, or the whole curve and other bodies.
 * @param {Network} network
 * @param {{ settings: Record<string, string>, seconds: number, whole: boolean }} options
 * @param {Recorder} record
 * @returns {Promise<{ bestRate: number, rates: Rates, gmacs: number, topClass: number }>} images/s at best, and in comparison
 *   with others; and the cost of a picture
 */
export async function measureClosed(network, { settings, seconds, whole }, record) {
  const service = await startMenagerie(network, settings);
  const { name } = service;
  const form = asForm(network.small);
  try {
    const estimate = await fetch(`${service.address}/estimate?model=${network.id}`, { method: 'POST' });
    const { cost_gmacs: gmacs } = await jsonOf(estimate, Estimate);
    const found = await topClass(service, network);
    if (whole) record({ service: name, load: 'idle' }, await idle(service, seconds / 4));
    await warmUp(service, form, seconds);
    const rates = new Map();
    for (const level of levelsOf(network, whole)) {
      const { connections, share, body = 'form', picture = 'small' } = level;
      const shown = network[picture];
      if (!shown) continue;
      const request = body === 'raw' ? asBody(shown) : asForm(shown);
      const health = connections === MOST_CONNECTIONS;
      const figures = await measureLoad(service, request, { connections }, seconds * share, { health });
      record({ service: name, load: 'closed', level: connections, body, picture }, figures);
      rates.set(level, figures.images_per_s);
    }
    const small = [...rates].filter(([{ body, picture }]) => !body && !picture).map(([, rate]) => rate);
    const common = Math.max(...COMMON_LEVELS.map((level) => rates.get(level)));
    return {
      bestRate: Math.max(...small),
      rates: { small: common, large: rates.get(LARGE_LEVEL) },
      gmacs,
      topClass: found,
    };
  } finally {
    await service.stop();
  }
}

/** The common ones after others, when code has been compiled. @param {Network} network @param {boolean} whole @returns {Level[]} */
function levelsOf({ name, large }, whole) {
  const further = CURVE_NETWORKS.includes(name) ? CURVE_LEVELS : [];
  return [
    ...(whole ? [...further, RAW_LEVEL] : []),
    ...COMMON_LEVELS,
    ...(whole ? [{ connections: MOST_CONNECTIONS, share: 1 }] : []),
    ...(large ? [LARGE_LEVEL] : []),
  ];
}

/** Health checks and event loop of a service that has nothing to do. @param {import('./services.mjs').Service} service @param {number} seconds */
async function idle(service, seconds) {
  const watch = watchHealth(service.address, seconds / 2);
  await sleep((seconds * 1000) / 2);
  await service.eventLoopDelayMs();
  await sleep(seconds * 1000);
  const figures = await watch.stop();
  return { ...figures, event_loop_p99_ms: await service.eventLoopDelayMs() };
}

/**
 * Open loops: requests come at a steady rate, whatever becomes of those before.
 * @param {Network} network
 * @param {{ settings: Record<string, string>, seconds: number, capacity: number, gmacs: number }} options images/s at best,
 *   and the cost of one
 * @param {Recorder} record
 */
export async function measureOpen(network, { settings, seconds, capacity, gmacs }, record) {
  const queue = String(Math.ceil(capacity * QUEUE_SECONDS * gmacs));
  const service = await startMenagerie(network, { ...settings, MENAGERIE_QUEUE: queue });
  const form = asForm(network.small);
  try {
    await warmUp(service, form, seconds);
    for (const percent of RATES) {
      const rate = Math.max(1, Math.round((capacity * percent) / 100));
      const overload = percent > 100;
      const health = percent === Math.max(...RATES);
      const figures = await measureLoad(service, form, { rate }, overload ? seconds : seconds / 2, { health });
      record({ service: service.name, load: 'open', level: percent, body: 'form', picture: 'small' }, figures);
    }
  } finally {
    await service.stop();
  }
}
