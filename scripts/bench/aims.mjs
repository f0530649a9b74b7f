// Whether the aims were reached, in words.
import { find } from './figures.mjs';

/** @typedef {import('./figures.mjs').BenchFigures} BenchFigures */
/** @typedef {import('./figures.mjs').Spread} Spread */
/** What one network did for an aim: whether that is enough, or near enough to stop at. @typedef {{ reached: boolean, near?: boolean, shown: string }} Verdict */

const PHOTOGRAPHS = ['squeezenet1.1', 'mobilenetv2', 'resnet18', 'resnet50', 'resnet50-int8'];
/** What health checks may take longer under load than idle, to count as flat: a few turns of the machine's scheduler. */
const FLAT_MS = 20;
/** Memory: this many times that of the Python service, and so many MB. */
const MEMORY = { times: 1.2, more: 80 };

/** One line for each aim. @param {BenchFigures} figures @returns {string[]} */
export function aims(figures) {
  const measured = figures.networks.map(({ name }) => name);
  const beside = (/** @type {string} */ service, /** @type {string} */ figure) => (/** @type {string} */ network) =>
    find(figures, { network, service, load: 'ratio', level: 32, picture: 'small' }, figure);
  const rate =
    (/** @type {string} */ service, picture = 'small') =>
    (/** @type {string} */ network) =>
      find(figures, { network, service, load: 'best_ratio', picture }, 'images_per_s');
  const limit = (/** @type {string} */ network) =>
    find(figures, { network, service: 'menagerie', load: 'best', picture: 'small' }, 'of_limit');
  const memory = (/** @type {string} */ network) => {
    const [own, python] = ['menagerie', 'python'].map((service) =>
      find(figures, { network, service, load: 'closed', level: 32, picture: 'small' }, 'pss_mb'),
    );
    return own && python && memoryVerdict(own.median, python.median);
  };
  const health = (/** @type {string} */ network) => {
    const [idle, ...loaded] = [{ load: 'idle' }, { load: 'closed', level: 64 }, { load: 'open', level: 150 }].map(
      (at) => find(figures, { network, service: 'menagerie', ...at }, 'health_p99_ms')?.median,
    );
    const known = loaded.filter((value) => value !== undefined);
    if (idle === undefined || known.length === 0) return undefined;
    const slower = Math.max(...known) - idle;
    return { reached: slower <= FLAT_MS, shown: `${slower.toFixed(1)} ms` };
  };
  return [
    ...['Triton', 'mosec'].map((title) =>
      line(`CPU for a picture not above that of ${title} beyond the spread`, PHOTOGRAPHS, (network) =>
        notAbove(beside(title.toLowerCase(), 'cpu_s_per_image')(network)),
      ),
    ),
    line('CPU for a picture at most 1.03 times that of the tuned Python service (near: 1.06)', PHOTOGRAPHS, (network) =>
      atMost(beside('python', 'cpu_s_per_image')(network), 1.03, 1.06),
    ),
    line('As many digits of 28x28 pixels a second as that (near: 0.8 times)', ['lenet5-28x28'], (network) =>
      atLeast(rate('python')(network), 1, 0.8),
    ),
    line(
      'Half as many digits of 96x104 pixels, which that does not look for (near: 0.4 times)',
      ['lenet5-96x104'],
      (network) => atLeast(rate('python')(network), 0.5, 0.4),
    ),
    line('At least 95 % of the limit (near: 92 %)', PHOTOGRAPHS, (network) => atLeast(limit(network), 0.95, 0.92)),
    line('Photographs of 12 megapixels not slower than before, beyond the spread', PHOTOGRAPHS, (network) =>
      notBelow(rate('before', 'large')(network)),
    ),
    line('Photographs of 12 megapixels not slower than with the tuned Python service', PHOTOGRAPHS, (network) =>
      atLeast(rate('python', 'large')(network), 1),
    ),
    line(
      `Memory at most ${MEMORY.times} times that of the tuned Python service and ${MEMORY.more} MB`,
      measured,
      memory,
    ),
    line(
      `Health checks whose 99th percentile under the heaviest load is at most ${FLAT_MS} ms above that of an idle server`,
      measured,
      health,
    ),
  ];
}

/** With a digit more than elsewhere: what is missed by little must not look reached. @param {Spread} spread */
const exactly = ({ median, min, max }) => `${median.toFixed(3)} (${min.toFixed(3)}-${max.toFixed(3)})`;

/** @param {Spread | undefined} spread @param {number} least @param {number} near @returns {Verdict | undefined} */
const atLeast = (spread, least, near = least) =>
  spread && { reached: spread.median >= least, near: spread.median >= near, shown: exactly(spread) };

/** @param {Spread | undefined} spread @param {number} most @param {number} near @returns {Verdict | undefined} */
const atMost = (spread, most, near = most) =>
  spread && { reached: spread.median <= most, near: spread.median <= near, shown: exactly(spread) };

/** A ratio that is 1 or less in one round at least. @param {Spread | undefined} spread @returns {Verdict | undefined} */
const notAbove = (spread) => spread && { reached: spread.min <= 1, shown: exactly(spread) };

/** A ratio that is 1 or more in one round at least. @param {Spread | undefined} spread @returns {Verdict | undefined} */
const notBelow = (spread) => spread && { reached: spread.max >= 1, shown: exactly(spread) };

/** @param {number} own MB @param {number} python MB @returns {Verdict} */
function memoryVerdict(own, python) {
  const most = MEMORY.times * python + MEMORY.more;
  return { reached: own <= most, shown: `${own.toFixed(0)} of ${most.toFixed(0)} MB` };
}

/**
 * @param {string} aim
 * @param {readonly string[]} networks
 * @param {(network: string) => Verdict | undefined} judge
 */
function line(aim, networks, judge) {
  const found = networks.flatMap((network) => {
    const verdict = judge(network);
    return verdict ? [{ ...verdict, network }] : [];
  });
  if (found.length === 0) return `${aim}: not measured.`;
  const list = (/** @type {typeof found} */ entries) =>
    entries.map(({ network, shown }) => `${network} ${shown}`).join(', ');
  const [missed, near] = [
    found.filter((verdict) => !verdict.reached && !verdict.near),
    found.filter((verdict) => !verdict.reached && verdict.near),
  ];
  const parts = [
    ...(missed.length > 0 ? [`missed: ${list(missed)}`] : []),
    ...(near.length > 0 ? [`near: ${list(near)}`] : []),
    ...(missed.length + near.length === 0 ? [`reached (${list(found)})`] : []),
  ];
  const absent = networks.filter((name) => !found.some(({ network }) => network === name));
  if (absent.length > 0) parts.push(`not measured: ${absent.join(', ')}`);
  return `${aim}: ${parts.join('; ')}.`;
}
