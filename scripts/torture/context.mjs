import { createRandom } from '../../dist/core/random.js';
import { statOf } from '../../dist/system/process-tree.js';
import { Report } from './report.mjs';
import { Subject } from './subject.mjs';

/** Streams of random numbers that a scenario may have. */
const STREAMS = 2 ** 20;
const LAST_WORDS = 3;

/** What a scenario works with. */
export class Context {
  report = new Report();
  /** Pictures to damage. */
  pictures;
  /** Connections to break off. */
  aborts;
  #seed;
  /** @type {Subject[]} */
  #subjects = [];
  #progress;

  /** @param {{ seed: number, pictures: number, aborts: number, progress: (text: string) => void }} options */
  constructor({ seed, pictures, aborts, progress }) {
    this.pictures = pictures;
    this.aborts = aborts;
    this.#seed = seed;
    this.#progress = progress;
  }

  /** Random numbers that the seed determines. @param {number} stream */
  random(stream = 0) {
    return createRandom(this.#seed * STREAMS + stream);
  }

  /** Starts a server that ends with the scenario. @param {Record<string, string>} settings @param {{ unread?: boolean }} [options] */
  async start(settings, options) {
    const subject = await Subject.start(settings, options);
    this.#subjects.push(subject);
    return subject;
  }

  /** Asks a server to stop, and checks that it does in good order. @param {Subject} subject */
  async stop(subject) {
    const { children } = subject;
    this.report.equal('status that the server ended with', await subject.stop(), 0);
    this.report.none('processes that it left behind', children.filter(statOf).map(String));
  }

  /** Says how far it has come. @param {string} text */
  progress(text) {
    this.#progress(text);
  }

  /** Ends what still runs. If something failed, the last words of the servers may say why. */
  end() {
    for (const subject of this.#subjects) {
      subject.kill('SIGKILL');
      if (this.report.failed) this.report.back.push(...subject.log.slice(-LAST_WORDS).map((line) => `log: ${line}`));
    }
  }
}
