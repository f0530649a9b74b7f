// This server and the others with one network: each is started, warmed up, measured and ended, one after the other.
import { measureLoad, warmUp } from './load.mjs';
import { ask, readAnswer } from './requests.mjs';

/** @typedef {import('./networks.mjs').Network} Network */
/** @typedef {import('./services.mjs').Service} Service */
/** @typedef {import('./rows.mjs').Recorder} Recorder */
/** One closed loop. @typedef {{ level: number, picture: 'small' | 'large', figures: import('./rows.mjs').Figures }} Loop */
/** What a service did: its loops, and the class it finds in the small picture. @typedef {{ loops: Loop[], topClass: number }} Done */

/** Numbers of connections, and for what share of the seconds. @type {[connections: number, share: number][]} */
const LEVELS = [
  [1, 0.5],
  [8, 1],
  [32, 1],
];
const LARGE_CONNECTIONS = 8;
/** Who is shown large pictures: the other services in Python decode them as that one does. */
const LARGE_SERVICES = ['menagerie', 'before', 'python', 'naive'];
/** What is compared. */
const COMPARED = ['images_per_s', 'cpu_s_per_image', 'pss_mb', 'p50_ms', 'p95_ms', 'p99_ms'];

/**
 * @param {Network} network
 * @param {readonly (() => Promise<Service>)[]} starts
 * @param {number} seconds
 * @param {Recorder} record
 * @returns {Promise<Map<string, Done>>} by names of services
 */
export async function measureServices(network, starts, seconds, record) {
  /** @type {Map<string, Done>} */
  const done = new Map();
  for (const start of starts) {
    const service = await start();
    try {
      done.set(service.name, await measureService(service, network, seconds, record));
    } finally {
      await service.stop();
    }
  }
  return done;
}

/**
 * @param {Service} service
 * @param {Network} network
 * @param {number} seconds
 * @param {Recorder} record
 * @returns {Promise<Done>}
 */
async function measureService(service, { small, large }, seconds, record) {
  const { name } = service;
  const request = service.request(small);
  const { index: topClass } = await readAnswer(await ask(service, request));
  await warmUp(service, request, seconds);
  /** @type {Loop[]} */
  const loops = [];
  const measure = async (
    /** @type {import('./requests.mjs').Request} */ asked,
    /** @type {'small' | 'large'} */ picture,
    /** @type {number} */ level,
    /** @type {number} */ share,
  ) => {
    const figures = await measureLoad(service, asked, { connections: level }, seconds * share);
    record({ service: name, load: 'closed', level, body: 'form', picture }, figures);
    loops.push({ level, picture, figures });
  };
  for (const [level, share] of LEVELS) await measure(request, 'small', level, share);
  // After all others, as memory remembers them.
  if (large && LARGE_SERVICES.includes(name)) await measure(service.request(large), 'large', LARGE_CONNECTIONS, 1);
  return { loops, topClass };
}

/**
 * Records what services did at best, and this server's figures as multiples of those of each other service. All are of one round, so
 * that a machine which is slower for a while does not spoil them.
 * @param {Map<string, Done>} done
 * @param {import('./rows.mjs').Figures | undefined} limits
 * @param {Recorder} record
 */
export function recordRatios(done, limits, record) {
  const own = done.get('menagerie');
  for (const [service, { loops }] of done) {
    for (const picture of /** @type {const} */ (['small', 'large'])) {
      const rate = bestOf(loops, picture);
      if (rate === undefined) continue;
      const of = (/** @type {number | null | undefined} */ most) => (most && picture === 'small' ? rate / most : null);
      const shares = { of_limit: of(limits?.all), of_network: of(limits?.network) };
      record({ service, load: 'best', picture }, { images_per_s: rate, ...shares });
      const ownRate = own && bestOf(own.loops, picture);
      if (own && ownRate !== undefined && service !== 'menagerie') {
        record({ service, load: 'best_ratio', picture }, { images_per_s: ratioOf(ownRate, rate) });
      }
    }
    if (!own || service === 'menagerie') continue;
    for (const { level, picture, figures } of loops) {
      const ours = own.loops.find((loop) => loop.level === level && loop.picture === picture)?.figures ?? {};
      const ratios = COMPARED.map((name) => [name, ratioOf(ours[name], figures[name])]);
      record({ service, load: 'ratio', level, picture }, Object.fromEntries(ratios));
    }
  }
}

/** Pictures a second at best. @param {readonly Loop[]} loops @param {'small' | 'large'} picture */
export function bestOf(loops, picture) {
  const rates = loops.flatMap((loop) => (loop.picture === picture ? [loop.figures.images_per_s ?? 0] : []));
  return rates.length > 0 ? Math.max(...rates) : undefined;
}

/** None where one of them did nothing. @param {number | null | undefined} own @param {number | null | undefined} other */
const ratioOf = (own, other) => (own && other ? own / other : null);
