// One round of one network: the limit, all services one after the other, and more of this server.
import { bestOf, measureServices, recordRatios } from './compare.mjs';
import { measureLimits } from './limits.mjs';
import { measureOwn } from './own-server.mjs';
import { startMenagerie, startPeer } from './services.mjs';

/** @typedef {'limit' | 'services' | 'own'} Part */
/**
 * @typedef {object} Options
 * @property {ReadonlySet<Part>} parts
 * @property {readonly string[]} services
 * @property {number} round from 1
 * @property {number} seconds
 * @property {string} temporary a folder to write into
 * @property {Record<string, string>} settings of this server
 * @property {string | undefined} python
 * @property {string | undefined} against another checkout of this repository
 * @property {import('./rows.mjs').Rows} rows
 * @property {(text: string) => void} progress
 */

/** What was found about a network, besides figures. @typedef {{ batch?: number, differing: string[] }} Facts */

/** @param {import('./networks.mjs').Network} network @param {Facts} facts added to @param {Options} options */
export async function measureRound(network, facts, options) {
  const { parts, round, seconds, temporary, settings, rows, progress } = options;
  /** @type {import('./rows.mjs').Recorder} */
  const keep = (labels, figures) => rows.add({ network: network.name, ...labels }, figures);
  /** @type {import('./rows.mjs').Recorder} */
  const record = (labels, figures) => {
    keep(labels, figures);
    progress(`${network.name}: ${inWords(labels, figures)}`);
  };
  const limits = parts.has('limit') ? await measureLimits(network, seconds / 2, temporary) : undefined;
  if (limits) {
    facts.batch = limits.batch;
    record({ service: 'limit', load: 'limit' }, limits.figures);
  }
  let capacity = 0;
  if (parts.has('services')) {
    const done = await measureServices(network, startsOf(network, options), seconds, record);
    recordRatios(done, limits?.figures, keep);
    const own = done.get('menagerie');
    if (own) capacity = bestOf(own.loops, 'small') ?? 0;
    for (const [service, { topClass }] of done) {
      if (!own || topClass === own.topClass || facts.differing.includes(service)) continue;
      facts.differing.push(service);
      progress(`${network.name}: warning: ${service} says class ${topClass}, menagerie ${own.topClass}`);
    }
  }
  // Nothing of it is compared with others, so once is enough.
  if (parts.has('own') && round === 1) await measureOwn(network, { settings, seconds, capacity }, record);
}

/** How services are started; each round begins with another one. @param {import('./networks.mjs').Network} network @param {Options} options */
function startsOf(network, { services, round, settings, python, against, temporary }) {
  const starts = services.map((name) => () => {
    if (name === 'menagerie') return startMenagerie(network, settings);
    if (name === 'before') return startMenagerie(network, settings, against);
    return startPeer(name, network, { python, temporary });
  });
  const first = (round - 1) % Math.max(1, starts.length);
  return [...starts.slice(first), ...starts.slice(0, first)];
}

/** @param {Omit<import('./rows.mjs').Labels, 'network'>} labels @param {import('./rows.mjs').Figures} figures */
function inWords({ service, load, level, body, picture }, figures) {
  const what = [service, load, level, body, picture].filter((word) => word !== undefined).join(' ');
  const { images_per_s: rate, cpu_s_per_image: cpu, p99_ms: p99 } = figures;
  if (typeof rate !== 'number') return `${what}: done`;
  const spent = typeof cpu === 'number' ? `, CPU ${(1000 * cpu).toFixed(2)} ms` : '';
  return `${what}: ${rate.toFixed(1)} images/s${spent}, p99 ${p99?.toFixed(1)} ms`;
}
