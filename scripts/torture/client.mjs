import { Agent, request as httpRequest } from 'node:http';
import { text as textOf } from 'node:stream/consumers';

/** @import { Books, Question, Reply } from './books.mjs' */

/** A request without an answer after this time counts as hung, however slow the machine. */
const HUNG_MS = 300_000;

/**
 * What to ask.
 * @typedef {object} Ask
 * @property {string} [method] default POST
 * @property {string} path with its query
 * @property {string} [route] the pattern of the path, where it is not the path itself
 * @property {Record<string, string>} [headers]
 * @property {Uint8Array} [body]
 * @property {Question} [question]
 */

/** Asks over connections that are kept, one request after the other on each, and enters everything in the books. */
export class Client {
  #agent;
  #address;
  #books;
  #seed = 0;

  /** @param {string} address @param {Books} books */
  constructor(address, books, connections = 1) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections, scheduling: 'fifo' });
    this.#address = address;
    this.#books = books;
  }

  /** @param {Ask} ask @returns {Promise<Reply>} never rejects */
  async ask({ method = 'POST', path, route = path.split('?', 1)[0] ?? '', headers = {}, body, question }) {
    const reply = await this.#exchange(method, path, headers, body);
    this.#books.enter(method, route, reply, question);
    return reply;
  }

  /** @param {string} path @param {string} [route] */
  get(path, route) {
    return this.ask({ method: 'GET', path, ...(route === undefined ? {} : { route }) });
  }

  /**
   * Asks about pictures.
   * @param {string} model @param {import('./pictures.mjs').Body} body @param {{ query?: string, headers?: Record<string, string> }} [options]
   */
  classify(model, { type, bytes, form }, { query = '', headers = {} } = {}) {
    return this.ask({
      path: `/classify?model=${model}${query}`,
      headers: { 'content-type': type, ...headers },
      body: bytes,
      question: { model, form },
    });
  }

  /**
   * The same with a seed, which makes every one a question of its own: none is answered together with another.
   * @param {string} model @param {import('./pictures.mjs').Body} body @param {Record<string, string>} [headers]
   */
  classifyAnew(model, body, headers = {}) {
    return this.classify(model, body, { query: `&seed=${this.#seed++}`, headers });
  }

  /** Ends its connections. */
  close() {
    this.#agent.destroy();
  }

  /**
   * @param {string} method @param {string} path @param {Record<string, string>} headers @param {Uint8Array | undefined} body
   * @returns {Promise<Reply>}
   */
  #exchange(method, path, headers, body) {
    return new Promise((resolve) => {
      let begun = false;
      const options = { method, agent: this.#agent, headers: { ...headers, 'content-length': body?.length ?? 0 } };
      const request = httpRequest(this.#address + path, options);
      const timer = setTimeout(() => request.destroy(new Error('no answer')), HUNG_MS);
      /** @param {Reply} reply */
      const end = (reply) => {
        clearTimeout(timer);
        resolve(reply);
      };
      const fail = (/** @type {NodeJS.ErrnoException} */ error) =>
        end({ status: 0, code: undefined, headers: {}, text: '', error: error.code ?? error.message, begun });
      request.once('error', fail);
      request.once('response', (response) => {
        begun = true;
        const { statusCode: status = 0, headers: got } = response;
        textOf(response).then((text) => {
          const problem = got['content-type']?.startsWith('application/problem+json');
          end({
            status,
            code: problem ? JSON.parse(text).code : undefined,
            headers: got,
            text,
            error: undefined,
            begun,
          });
        }, fail);
      });
      request.end(body);
    });
  }
}
