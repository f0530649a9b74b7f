// More of this server with one network: idle, with more connections, with plain bodies, and at steady rates.
import { setTimeout as sleep } from 'node:timers/promises';
import Type from 'typebox';
import { jsonOf } from '../shared/json-reply.mjs';
import { watchHealth } from './health.mjs';
import { measureLoad, warmUp } from './load.mjs';
import { asBody, asForm } from './requests.mjs';
import { startMenagerie } from './services.mjs';

/** @typedef {import('./networks.mjs').Network} Network */
/** @typedef {import('./rows.mjs').Recorder} Recorder */

/** Points of the curve beside those where all services are measured, for a small, a middling and a large network. */
const CURVE = [2, 4, 16];
const CURVE_NETWORKS = ['lenet5-96x104', 'cifar10-resnet20', 'mobilenetv2', 'resnet50'];
const RAW_CONNECTIONS = 8;
/** More than workers and their queue can use: here health checks are watched. */
const MOST_CONNECTIONS = 64;
/** Of capacity, in percent; those under which queues grow last the whole time. */
const RATES = [50, 80, 110, 150];
/** Work that may wait in the open loop, in seconds, so that a few seconds of overload show what is refused. */
const QUEUE_SECONDS = 0.5;
/** What this server says of the cost of a request. */
const Estimate = Type.Object({ cost_gmacs: Type.Number() });

/**
 * What to measure with.
 * @typedef {object} Options
 * @property {Record<string, string>} settings
 * @property {number} seconds
 * @property {number} capacity pictures a second at best, as far as is known
 */

/** @param {Network} network @param {Options} options @param {Recorder} record */
export async function measureOwn(network, { settings, seconds, capacity }, record) {
  const found = await measureClosed(network, { settings, seconds, capacity }, record);
  await measureOpen(network, { settings, seconds, capacity: found.best, gmacs: found.gmacs }, record);
}

/**
 * Closed loops: each connection asks again when it has its answer.
 * @param {Network} network
 * @param {Options} options
 * @param {Recorder} record
 * @returns {Promise<{ best: number, gmacs: number }>} pictures a second at best, and the cost of one
 */
async function measureClosed(network, { settings, seconds, capacity }, record) {
  const service = await startMenagerie(network, settings);
  const { name } = service;
  const [form, raw] = [asForm(network.small), asBody(network.small)];
  try {
    const estimate = await fetch(`${service.address}/estimate?model=${network.id}`, { method: 'POST' });
    const { cost_gmacs: gmacs } = await jsonOf(estimate, Estimate);
    record({ service: name, load: 'idle' }, await idle(service, seconds / 4));
    await warmUp(service, form, seconds);
    const plain = await measureLoad(service, raw, { connections: RAW_CONNECTIONS }, seconds / 2);
    record({ service: name, load: 'closed', level: RAW_CONNECTIONS, body: 'raw', picture: 'small' }, plain);
    let best = capacity;
    for (const connections of [...(CURVE_NETWORKS.includes(network.name) ? CURVE : []), MOST_CONNECTIONS]) {
      const most = connections === MOST_CONNECTIONS;
      const options = { health: most };
      const figures = await measureLoad(service, form, { connections }, most ? seconds : seconds / 2, options);
      record({ service: name, load: 'closed', level: connections, body: 'form', picture: 'small' }, figures);
      best = Math.max(best, figures.images_per_s ?? 0);
    }
    return { best, gmacs };
  } finally {
    await service.stop();
  }
}

/** Health checks of a service that has nothing to do. @param {import('./services.mjs').Service} service @param {number} seconds */
async function idle(service, seconds) {
  const watch = watchHealth(service.address, seconds / 2);
  await sleep(1500 * seconds);
  return watch.stop();
}

/**
 * Open loops: requests come at a steady rate, whatever becomes of those before.
 * @param {Network} network
 * @param {Options & { gmacs: number }} options
 * @param {Recorder} record
 */
async function measureOpen(network, { settings, seconds, capacity, gmacs }, record) {
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
