// One round of one network: the limit, this server, and the others, one after the other.
import { measureLimits } from './limits.mjs';
import { COMMON_LEVELS, LARGE_LEVEL, measureClosed, measureOpen } from './own-server.mjs';
import { choosePython, measurePeer } from './peers.mjs';
import { startNaive, startPython } from './services.mjs';

/** @type {('small' | 'large')[]} */
const PICTURES = ['small', 'large'];

/** @typedef {'limit' | 'closed' | 'open' | 'peers'} Part */
/**
 * @typedef {object} Options
 * @property {ReadonlySet<Part>} parts
 * @property {number} seconds
 * @property {string} temporary a folder to write into
 * @property {Record<string, string>} settings of this server
 * @property {string | undefined} python
 * @property {import('./rows.mjs').Rows} rows
 * @property {(text: string) => void} progress
 */

/** What was found about a network, besides figures. @typedef {{ batch?: number, python?: Awaited<ReturnType<typeof choosePython>>, differing: string[] }} Facts */

/** @param {import('./networks.mjs').Network} network @param {Facts} facts added to @param {Options} options */
export async function measureRound(network, facts, options) {
  const { parts, seconds, temporary, settings, python, rows, progress } = options;
  /** @type {import('./own-server.mjs').Recorder} */
  const record = (labels, figures) => {
    rows.add({ network: network.name, ...labels }, figures);
    const { images_per_s: rate, p99_ms: p99 } = figures;
    const what = [labels.load, labels.level, labels.body, labels.picture]
      .filter((word) => word !== undefined)
      .join(' ');
    const found = typeof rate === 'number' ? `${rate.toFixed(1)} images/s, p99 ${p99?.toFixed(1)} ms` : 'done';
    progress(`${network.name}: ${labels.service} ${what}: ${found}`);
  };
  const limits = parts.has('limit') ? await measureLimits(network, seconds / 2, temporary) : undefined;
  if (limits) {
    facts.batch = limits.batch;
    record({ service: 'limit', load: 'limit' }, limits.figures);
  }
  if (!parts.has('closed') && !parts.has('open') && !parts.has('peers')) return;

  const own = await measureClosed(network, { settings, seconds, whole: parts.has('closed') }, record);
  if (parts.has('open')) {
    await measureOpen(network, { settings, seconds, capacity: own.bestRate, gmacs: own.gmacs }, record);
  }
  /** @type {Record<string, import('./own-server.mjs').Rates>} */
  const rates = { menagerie: own.rates };
  if (parts.has('peers')) {
    if (python) facts.python ??= await choosePython(network, python, seconds / 2);
    const { variant } = facts.python ?? {};
    const starts = [
      ...(python && variant ? [() => startPython(network, python, variant)] : []),
      () => startNaive(network),
    ];
    for (const start of starts) {
      const service = await start();
      const peer = await measurePeer(service, network, { seconds, levels: [...COMMON_LEVELS, LARGE_LEVEL] }, record);
      rates[service.name] = peer.rates;
      if (peer.topClass === own.topClass || facts.differing.includes(service.name)) continue;
      facts.differing.push(service.name);
      progress(`${network.name}: warning: ${service.name} says class ${peer.topClass}, menagerie ${own.topClass}`);
    }
  }
  for (const [service, found] of Object.entries(rates)) {
    for (const picture of PICTURES) {
      const rate = found[picture];
      if (rate === undefined) continue;
      // Of the same round, so that a machine that is slower for a while does not spoil them.
      const of = (/** @type {number | undefined} */ other) => (other === undefined ? null : rate / other);
      const limit = picture === 'small' ? limits?.figures : undefined;
      rows.add(
        { network: network.name, service, load: 'best', picture },
        {
          images_per_s: rate,
          of_limit: of(limit?.all),
          of_network: of(limit?.network),
          of_python: of(rates.python?.[picture]),
          of_naive: of(rates.naive?.[picture]),
        },
      );
    }
  }
}
