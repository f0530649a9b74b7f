import { WORKERS } from './subject.mjs';
import { Tally } from './tally.mjs';

/** @import { Metrics } from './metrics.mjs' */
/** @import { Report } from './report.mjs' */
/** @import { Subject } from './subject.mjs' */

/** What must be 0 when nothing is going on. */
const GAUGES = ['images_pending', 'pending_gmacs', 'queue_length', 'workers_busy', 'upload_bytes'];
const STAGES = ['decode', 'queue', 'preprocess', 'inference'];

/** The gauges that are not at rest. @param {Metrics} metrics */
export function unrest(metrics) {
  const restless = GAUGES.filter((gauge) => metrics.value(gauge) !== 0).map(
    (gauge) => `${gauge} is ${metrics.value(gauge)}`,
  );
  // The look itself is a request.
  const inFlight = metrics.value('http_requests_in_flight') - 1;
  if (inFlight !== 0) restless.push(`http_requests_in_flight is ${inFlight} besides this look`);
  const alive = metrics.value('workers_alive');
  if (alive !== WORKERS) restless.push(`workers_alive is ${alive}`);
  return restless;
}

/** Holds what a server counts against what its client saw, from one moment on. */
export class Audit {
  #subject;
  #before;

  /** @param {Subject} subject @param {Metrics} before */
  constructor(subject, before) {
    this.#subject = subject;
    this.#before = before;
  }

  /** Nothing but this client may ask anything from now on. @param {Subject} subject */
  static async begin(subject) {
    return new Audit(subject, await subject.look());
  }

  /**
   * Waits until the server is at rest, then compares everything.
   * @param {Report} report @param {{ deaths?: number }} [expected] workers that died
   */
  async close(report, { deaths = 0 } = {}) {
    const { books } = this.#subject;
    const after = await this.#subject.lookUntil((metrics) => unrest(metrics).length === 0);
    const by = (/** @type {string} */ name, /** @type {string[]} */ ...labels) =>
      after.by(name, ...labels).since(this.#before.by(name, ...labels));
    const grown = (/** @type {string} */ name, /** @type {Record<string, string>} */ labels = {}) =>
      after.value(name, labels) - this.#before.value(name, labels);

    // The last look does not count itself yet.
    const replies = new Tally([...books.replies.entries, ['GET /metrics 200', -1]]);
    report.sameTally(
      'requests counted by route and status',
      by('http_request_duration_seconds_count', 'method', 'route', 'status'),
      replies,
    );
    report.sameTally('errors counted by route and code', by('errors_total', 'route', 'code'), books.errors);
    const refused = new Tally(books.unasked.entries.map(([name, count]) => [name.replace(/^\d+ /, ''), count]));
    report.sameTally('connections closed with an error, by code', by('connection_errors_total', 'code'), refused);
    report.sameTally('pictures counted by model and outcome', by('images_total', 'model', 'outcome'), books.pictures);
    const ok = books.pictures.entries.filter(([name]) => name.endsWith(' ok'));
    const answered = new Tally(ok.map(([name, count]) => [name.replace(/ ok$/, ''), count]));
    report.sameTally('answers counted by model', by('answers_total', 'model'), answered);
    const computed = grown('answers_total', { source: 'computed' });
    report.equal('rows that networks ran on, one for each answer computed', grown('batch_size_sum'), computed);
    const timed = STAGES.map((stage) => grown(`${stage}_duration_seconds_count`));
    report.none(
      'stages timed other than once for each answer computed',
      timed.filter((count) => count !== computed).map(String),
    );
    report.equal('workers replaced', grown('worker_replacements_total'), deaths);
    report.none('gauges not back at rest', unrest(after));
    return after;
  }
}
