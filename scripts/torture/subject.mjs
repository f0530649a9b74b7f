import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { pssOf, statOf, treeOf } from '../../dist/system/process-tree.js';
import { Books } from './books.mjs';
import { Client } from './client.mjs';
import { cleanEnvironment } from './environment.mjs';
import { Metrics } from './metrics.mjs';

const RELAY = fileURLToPath(new URL('./relay.mjs', import.meta.url));

/** Workers that there are when all are up. */
export const WORKERS = 2;
/** The same workers everywhere, and no limit on time that a busy machine could break. */
const SETTINGS = {
  DEVICE: 'cpu',
  MENAGERIE_WORKERS: String(WORKERS),
  MENAGERIE_DEADLINE_MS: '3600000',
  MENAGERIE_WORKER_TIMEOUT_MS: '3600000',
  MENAGERIE_UPLOAD_TIMEOUT_MS: '600000',
  MENAGERIE_DRAIN_TIMEOUT_MS: '120000',
};

const MIB = 1024 * 1024;
const STARTS_WITHIN_MS = 300_000;
const STOPS_WITHIN_MS = 300_000;
const POLL_MS = 100;
const SAMPLE_MS = 250;
/** Niceness of processes that do not serve. */
const LOWEST = 15;
/** What a condition may take to come about, however slow the machine. */
const PATIENCE_MS = 120_000;

/** A server as users start it, with its log, its memory and the books of its only client. */
export class Subject {
  books = new Books();
  /** Lines of its log. @type {string[]} */
  log = [];
  /** How it ended: its exit status, or the signal. @type {Promise<number | string>} */
  ended;
  #relay;
  #looker;
  /** Bytes of memory that it and its workers took at most. */
  #mostMemory = 0;
  #sampler;
  /** @type {number | string | undefined} */
  #end;

  /** @param {import('node:child_process').ChildProcess} relay @param {string} address @param {number} pid @param {boolean} unread */
  constructor(relay, address, pid, unread) {
    this.#relay = relay;
    this.address = address;
    this.port = Number(new URL(address).port);
    this.pid = pid;
    this.#looker = new Client(address, this.books);
    const closed = once(relay, 'close');
    relay.on('message', (/** @type {{ status: number | string }} */ { status }) => {
      this.#end = status;
    });
    if (relay.stdout && !unread) createInterface(relay.stdout).on('line', (line) => this.log.push(line));
    this.#sampler = setInterval(() => this.#sample(), SAMPLE_MS).unref();
    this.ended = closed.then(() => {
      clearInterval(this.#sampler);
      return this.#end ?? 'killed with its relay';
    });
  }

  /**
   * Starts one and waits until it is ready.
   * @param {Record<string, string>} settings @param {{ unread?: boolean }} [options] whether nobody reads its log
   */
  static async start(settings, { unread = false } = {}) {
    const args = [JSON.stringify({ ...SETTINGS, ...settings })];
    const relay = fork(RELAY, args, { env: cleanEnvironment(), stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
    const signal = AbortSignal.timeout(STARTS_WITHIN_MS);
    const exit = once(relay, 'exit').then(() => Promise.reject(new Error('the server did not start')));
    const [{ address, pid }] = await Promise.race([once(relay, 'message', { signal }), exit]);
    exit.catch(() => {});
    return new Subject(relay, address, pid, unread);
  }

  /** Memory of it and its workers in MiB, now and at most so far; undefined where the system does not say. */
  get memory() {
    const now = this.#sample();
    return now > 0 ? { now: Math.round(now / MIB), most: Math.round(this.#mostMemory / MIB) } : undefined;
  }

  /** Whether it has not ended. */
  get running() {
    return this.#end === undefined;
  }

  /** The processes that it has started. */
  get children() {
    return treeOf(this.pid).slice(1);
  }

  /** Those of them that serve. What looks into networks has the lowest priority. */
  get workers() {
    return this.children.filter((pid) => (statOf(pid)?.niceness ?? LOWEST) < LOWEST);
  }

  #sample() {
    const now = pssOf(treeOf(this.pid)) ?? 0;
    this.#mostMemory = Math.max(this.#mostMemory, now);
    return now;
  }

  /** A client whose requests are in the books. @param {number} connections */
  client(connections) {
    return new Client(this.address, this.books, connections);
  }

  /** What it counts now. */
  async look() {
    const { text, error } = await this.#looker.get('/metrics');
    if (error !== undefined) throw new Error(`the server no longer says what it counts: ${this.#end ?? error}`);
    return new Metrics(text);
  }

  /** Waits until its counters are as wanted, and returns them; after two minutes as they are. @param {(metrics: Metrics) => boolean} wanted */
  async lookUntil(wanted) {
    const patience = AbortSignal.timeout(PATIENCE_MS);
    for (;;) {
      const metrics = await this.look();
      if (wanted(metrics) || patience.aborted) return metrics;
      await sleep(POLL_MS);
    }
  }

  /** Asks it to stop. @returns how it ended */
  async stop() {
    this.kill('SIGTERM');
    const timer = setTimeout(() => this.kill('SIGKILL'), STOPS_WITHIN_MS);
    const end = await this.ended;
    clearTimeout(timer);
    return end;
  }

  /** @param {NodeJS.Signals} signal */
  kill(signal) {
    if (this.#end === undefined && this.#relay.connected) process.kill(this.pid, signal);
  }
}
