import { Tally } from './tally.mjs';

/**
 * A reply, or that there was none.
 * @typedef {object} Reply
 * @property {number} status 0: there was none
 * @property {string | undefined} code of a problem document
 * @property {import('node:http').IncomingHttpHeaders} headers
 * @property {string} text
 * @property {string | undefined} error why there was none, or no whole one
 * @property {boolean} begun whether any of it came
 */

/**
 * A request for answers about pictures: whom it asks, and whether they come in a form.
 * @typedef {{ model: string, form: boolean }} Question
 */

/** Faults of a picture, as opposed to faults of its request. */
const PICTURE_FAULTS = new Set([
  'not_an_image',
  'unsupported_image_format',
  'corrupt_image',
  'too_many_pixels',
  'worker_failed',
  'memory_exceeded',
  'too_expensive',
  'deadline_exceeded',
  'internal',
]);

/** What the client saw: the server's counters must say the same. */
export class Books {
  /** By method, route and status. */
  replies = new Tally();
  /** Problem codes by route. */
  errors = new Tally();
  /** Outcomes by model. */
  pictures = new Tally();
  /** Replies that came before there was a request, by status and code: the server does not count those. */
  unasked = new Tally();
  /** Requests without a whole reply, by reason. */
  unanswered = new Tally();
  /** For people: replies by route, status and code, but for looks at health and metrics. */
  seen = new Tally();

  /**
   * Enters what became of a request.
   * @param {string} method @param {string} route @param {Reply} reply @param {Question} [question]
   */
  enter(method, route, reply, question) {
    const { status, code, error } = reply;
    if (error !== undefined) {
      this.unanswered.add(error);
      return;
    }
    this.replies.add(`${method} ${route} ${status}`);
    if (code !== undefined) this.errors.add(`${route} ${code}`);
    if (method === 'POST') this.seen.add(outcomeOf(reply));
    if (question) for (const outcome of picturesOf(reply, question)) this.pictures.add(`${question.model} ${outcome}`);
  }

  /** Enters a request whose client left while it was uploading. @param {string} route */
  left(route, count = 1) {
    this.replies.add(`POST ${route} 499`, count);
    this.errors.add(`${route} client_closed_request`, count);
  }
}

/** What became of a request, in a word or two: `200`, `503 overloaded`, `ECONNRESET`. @param {Reply} reply */
export function outcomeOf({ status, code, error }) {
  return error ?? (code === undefined ? String(status) : `${status} ${code}`);
}

/**
 * What is said of each picture in a reply of status 200.
 * @param {Reply} reply @returns {{ error?: { code: string }, predictions?: { index: number }[] }[]}
 */
export const resultsOf = ({ text }) => JSON.parse(text).results;

/**
 * What became of the pictures of a request, as far as the server looked at them.
 * @param {Reply} reply @param {Question} question @returns {string[]}
 */
function picturesOf(reply, { form }) {
  const { status, code } = reply;
  if (status === 200) return resultsOf(reply).map(({ error }) => error?.code ?? 'ok');
  // A picture that came alone. No bytes at all are a picture's fault in a form, where there could be others.
  if (code === undefined || !(PICTURE_FAULTS.has(code) || (form && code === 'empty_body'))) return [];
  return [code];
}
