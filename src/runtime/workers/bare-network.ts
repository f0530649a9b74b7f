import { MenagerieError } from '../../core/errors.js';
import type { NetworkSpec } from '../networks/network-spec.js';
import { WORKER_NICENESS } from './pool.js';
import type { Levers } from './process/levers.js';
import { WorkerLost } from './process/worker-end.js';
import { WorkerProcess } from './process/worker-process.js';
import type { CallKind } from './protocol/calls.js';
import type { WorkerSettings } from './protocol/worker-settings.js';

export interface BareNetworkOptions extends Pick<WorkerSettings, 'device' | 'threads' | 'batch'> {
  /** Number of processes. */
  workers: number;
  /** The program of a worker. */
  script: URL;
  levers: Levers;
  env: NodeJS.ProcessEnv;
  loadTimeoutMs: number;
}

/** For one run that is longer than the time to measure. */
const RUN_TIMEOUT_MS = 60_000;

/**
 * A network without a server: it is loaded as in a pool of workers, and run on a ready tensor in all of them. No picture is
 * decoded, and nothing is sent per run. What a server can do at most.
 */
export class BareNetwork {
  readonly #key: string;
  readonly #workers: WorkerProcess[];

  private constructor(key: string, workers: WorkerProcess[]) {
    this.#key = key;
    this.#workers = workers;
  }

  /**
   * Starts the processes and loads the network into each.
   * @param signal ends the processes
   * @throws MenagerieError what Network.load throws; `worker_failed`; the signal's reason
   */
  static async load(spec: NetworkSpec, options: BareNetworkOptions, signal: AbortSignal): Promise<BareNetwork> {
    const { workers: count, script, levers, env, device, threads, batch, loadTimeoutMs } = options;
    const settings = { device, threads, batch, runBytes: 0 };
    const launchOptions = { script, levers, env, niceness: WORKER_NICENESS };
    const workers = Array.from({ length: count }, () => new WorkerProcess(launchOptions, settings));
    const network = new BareNetwork(spec.key, workers);
    try {
      await network.#callAll('load', { spec }, loadTimeoutMs, signal);
      return network;
    } catch (error) {
      await network.stop();
      throw error;
    }
  }

  /** Of the processes that still run. */
  get pids(): number[] {
    return this.#workers.flatMap(({ pid }) => pid ?? []);
  }

  /**
   * Runs the network in all processes at once.
   * @param ms how long, in ms
   * @returns pictures of all together, in all and per second
   * @throws MenagerieError `worker_failed`; the signal's reason, and the processes have ended then
   */
  async run(ms: number, signal: AbortSignal): Promise<{ images: number; imagesPerS: number }> {
    const answers = await this.#callAll('repeat', { key: this.#key, ms }, ms + RUN_TIMEOUT_MS, signal);
    return {
      images: answers.reduce((sum, { answer }) => sum + answer.images, 0),
      imagesPerS: answers.reduce((sum, { answer }) => sum + (1000 * answer.images) / answer.ms, 0),
    };
  }

  /** Ends the processes. */
  async stop(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.stop()));
  }

  async #callAll<K extends CallKind>(
    kind: K,
    ask: Parameters<typeof WorkerProcess.prototype.call<K>>[1],
    timeoutMs: number,
    signal: AbortSignal,
  ) {
    // A run cannot be interrupted.
    const onAbort = () => void this.stop();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      signal.throwIfAborted();
      return await Promise.all(this.#workers.map((worker) => worker.call(kind, ask, [], timeoutMs)));
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof WorkerLost)) throw error;
      throw new MenagerieError('worker_failed', `A process that ran the bare network ended: ${error.end.reason}`);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }
}
