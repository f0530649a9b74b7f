// Loads a service with autocannon and says what came of it.
import { setTimeout as sleep } from 'node:timers/promises';
import autocannon from 'autocannon';
import { cpuSecondsOf, pssOf, treeOf } from '../../dist/system/process-tree.js';
import { percentile } from '../measure/statistics.mjs';
import { watchHealth } from './health.mjs';
import { ask, nextPath } from './requests.mjs';

/** @typedef {import('./requests.mjs').Request} Request */
/** @typedef {import('./rows.mjs').Figures} Figures */
/** What is loaded. @typedef {Pick<import('./services.mjs').Service, 'address' | 'path' | 'pid'>} Target */

/** Until a load is steady: this share of its seconds does not count; for a rate, the second over which its requests are spread. */
const LEAD = 1 / 8;
const RATE_LEAD_SECONDS = 1;
const WARM_UP_CONNECTIONS = 8;
/**
 * What is compiled while it runs warms up for so many times as long. Until it has answered some 3,500 requests for SqueezeNet, this server
 * takes up to a sixth more CPU for each, because V8 has not compiled it and because it is compiling. In Python nothing changes after
 * the first seconds.
 */
export const COMPILED_WARM_UP = 10;
/** autocannon sends what is due in a second as soon as it begins; so many generators, one after the other, spread it. */
const GENERATORS = 50;
/**
 * Connections are opened by so many generators, one after the other: of several processes with one port, one may take all the
 * connections that come at once.
 */
const OPENERS = 8;
/** How often a generator looks whether it is to stop. */
const TICK_MS = 100;
const FOREVER_SECONDS = 3600;

/**
 * Every request asks for the same picture.
 * @param {Target} service
 * @param {Request} request
 * @param {{ connections: number } | { rate: number }} load closed loop, or open loop at so many requests a second
 * @param {number} seconds
 * @param {{ health?: boolean }} options whether health checks are asked for meanwhile
 * @returns {Promise<Figures>}
 */
export async function measureLoad(service, request, load, seconds, { health = false } = {}) {
  const [lead, counted] = 'rate' in load ? [RATE_LEAD_SECONDS, seconds] : [seconds * LEAD, seconds * (1 - LEAD)];
  const counts = { counting: false, sent: 0, refused: 0, failed: 0, /** @type {number[]} */ times: [] };
  const watch = health ? watchHealth(service.address, lead) : undefined;
  const generators = startGenerators(service, request, load, 'rate' in load ? lead : lead / 2, counts);
  await sleep(lead * 1000);
  const [before, own, started] = [cpuSecondsOf(treeOf(service.pid)), process.cpuUsage(), performance.now()];
  counts.counting = true;
  await sleep(counted * 1000);
  counts.counting = false;
  const elapsed = (performance.now() - started) / 1000;
  const pids = treeOf(service.pid);
  const [after, spent] = [cpuSecondsOf(pids), process.cpuUsage(own)];
  // While it is under load still.
  const pss = pssOf(pids);
  const healthFigures = await watch?.stop();
  await generators.stop();
  await settle(service, request);
  const { times, sent, refused, failed } = counts;
  const each = (/** @type {number} */ sum) => (times.length > 0 ? sum / times.length : null);
  return {
    images_per_s: times.length / elapsed,
    p50_ms: times.length > 0 ? percentile(times, 0.5) : null,
    p95_ms: times.length > 0 ? percentile(times, 0.95) : null,
    p99_ms: times.length > 0 ? percentile(times, 0.99) : null,
    // Where nobody waits for an answer to ask again, being refused is part of the plan.
    ...('rate' in load ? { sent_per_s: sent / elapsed, refused_per_s: refused / elapsed } : {}),
    failed: 'rate' in load ? failed : failed + refused,
    cpu_s_per_image: before !== undefined && after !== undefined ? each(after - before) : null,
    generator_cpu_s_per_image: each((spent.user + spent.system) / 1e6),
    pss_mb: pss === undefined ? null : pss / 1e6,
    ...healthFigures,
  };
}

/**
 * The first requests are slower than those that follow.
 * @param {Target & { compiles?: boolean }} service
 * @param {Request} request
 * @param {number} seconds for a service that is not compiled while it runs
 */
export async function warmUp(service, request, seconds) {
  const enough = service.compiles ? seconds * COMPILED_WARM_UP : seconds;
  await measureLoad(service, request, { connections: WARM_UP_CONNECTIONS }, enough);
}

/**
 * @param {Target} service
 * @param {Request} request
 * @param {{ connections: number } | { rate: number }} load
 * @param {number} spread seconds over which the generators begin
 * @param {{ counting: boolean, sent: number, refused: number, failed: number, times: number[] }} counts
 */
function startGenerators(service, { body, headers }, load, spread, counts) {
  const [total, most] = 'rate' in load ? [load.rate, GENERATORS] : [load.connections, OPENERS];
  const shares = split(total, Math.min(total, most));
  /** @type {{ instance: import('autocannon').Instance, ended: Promise<void> }[]} */
  const running = [];
  const start = (/** @type {number} */ share) => {
    const setupRequest = (/** @type {import('autocannon').Request} */ sent) => {
      if (counts.counting) counts.sent++;
      return { ...sent, path: nextPath(service) };
    };
    /** @type {import('autocannon').Options} */
    const options = {
      url: service.address,
      requests: [{ setupRequest }],
      method: 'POST',
      body,
      headers,
      connections: share,
      // Each connection asks once a second, so that a slow answer does not keep the next request back.
      ...('rate' in load ? { overallRate: share, ignoreCoordinatedOmission: true } : {}),
      duration: FOREVER_SECONDS,
      sampleInt: TICK_MS,
    };
    /** @type {(error: Error | null) => void} */
    let onEnd = () => {};
    const ended = new Promise((/** @type {(value?: undefined) => void} */ resolve, reject) => {
      onEnd = (error) => (error ? reject(error) : resolve());
    });
    const instance = autocannon(options, onEnd);
    instance.on('response', (_client, status, _bytes, ms) => {
      if (!counts.counting) return;
      if (status === 200) counts.times.push(ms);
      else if (status === 503) counts.refused++;
      else counts.failed++;
    });
    instance.on('reqError', () => {
      if (counts.counting) counts.failed++;
    });
    running.push({ instance, ended });
  };
  const timers = shares.map((share, i) => setTimeout(() => start(share), (1000 * spread * i) / shares.length));
  return {
    async stop() {
      for (const timer of timers) clearTimeout(timer);
      for (const { instance } of running) instance.stop();
      await Promise.all(running.map(({ ended }) => ended));
    },
  };
}

/** A whole number as so many whole parts of about the same size. @param {number} total @param {number} parts */
const split = (total, parts) =>
  Array.from({ length: parts }, (_, i) => Math.floor((total * (i + 1)) / parts) - Math.floor((total * i) / parts));

/** Waits until a service has done what it had begun: its next answer is the last one. @param {Target} service @param {Request} request */
async function settle(service, request) {
  for (;;) {
    const reply = await ask(service, request);
    await reply.text();
    if (reply.ok) return;
    await sleep(20);
  }
}
