import { stat } from 'node:fs/promises';
import { MenagerieError } from '../../core/errors.js';
import { Semaphore } from '../../core/queues/semaphore.js';
import type { Inspection, InspectRequest } from '../inspection/inspection.js';
import { BASE_BYTES } from '../networks/network-memory.js';
import { boundedWork } from './process/bounded-work.js';
import type { Levers } from './process/levers.js';
import { WorkerLost } from './process/worker-end.js';
import { WorkerMemory } from './process/worker-memory.js';
import { WorkerProcess, workerFailed } from './process/worker-process.js';

export interface InspectorOptions {
  /** The program of a worker. */
  script: URL;
  levers: Levers;
  env: NodeJS.ProcessEnv;
  timeoutMs: number;
  /** Bytes that an inspection may take in addition to what the weights take. */
  memoryBytes: number;
  /** Maximum number of inspections that wait or run. */
  maxPending?: number;
}

/** An inspection takes about a second. */
const MAX_PENDING = 16;
/** Lower priority than everything that serves. */
const INSPECTOR_NICENESS = 15;
/** How long the process is kept while there is no inspection, in ms: it holds up to hundreds of megabytes, and starts in a tenth of a second. */
const IDLE_MS = 1000;
/** Memory for weights, in sizes of the file: the runtime holds them as in the file, and as it computes with them. */
const WEIGHTS_FACTOR = 3;

/** Inspects ONNX files, one at a time, in a separate process of low priority. */
export class Inspector {
  readonly #options: InspectorOptions;
  readonly #oneAtATime = new Semaphore(1);
  #pending = 0;
  #worker: WorkerProcess | undefined;
  #idle: NodeJS.Timeout | undefined;

  constructor(options: InspectorOptions) {
    this.#options = options;
  }

  /**
   * @param signal ends the inspection: if it has begun, the process is killed
   * @throws MenagerieError what `inspect` throws; `worker_failed` if the process ended or took too long, `overloaded`; the signal's
   *   reason
   */
  async inspect(request: InspectRequest, signal?: AbortSignal): Promise<Inspection> {
    const { maxPending = MAX_PENDING } = this.#options;
    if (this.#pending >= maxPending) {
      throw new MenagerieError('overloaded', `${maxPending} inspections are waiting; try again later.`, {
        retryAfterS: 5,
      });
    }
    this.#pending++;
    try {
      return await this.#oneAtATime.run(() => this.#run(request, signal), signal);
    } finally {
      this.#pending--;
    }
  }

  /** Ends the process. */
  async stop(): Promise<void> {
    clearTimeout(this.#idle);
    await this.#worker?.stop();
  }

  async #run(request: InspectRequest, signal: AbortSignal | undefined): Promise<Inspection> {
    clearTimeout(this.#idle);
    const { memoryBytes, timeoutMs, levers } = this.#options;
    const { size = 0 } = await stat(request.file).catch(() => ({ size: 0 }));
    const limit = memoryBytes + WEIGHTS_FACTOR * size;
    const worker = this.#worker?.alive ? this.#worker : this.#start();
    this.#worker = worker;
    const memory = new WorkerMemory({ decodeBytes: limit, share: BASE_BYTES + limit, dataLimit: levers.dataLimit });
    await worker.started.catch(() => {});
    await memory.afterLoading(worker.pid);
    try {
      const bounds = { memory, what: 'Inspecting the network', signal };
      const { answer } = await boundedWork(worker, bounds, () => worker.call('inspect', { request }, [], timeoutMs));
      return answer.inspection;
    } catch (error) {
      throw error instanceof WorkerLost ? workerFailed(error) : error;
    } finally {
      const retire = () => worker.kill({ kind: 'stopped', reason: 'it had nothing to do' });
      this.#idle = setTimeout(retire, IDLE_MS).unref();
    }
  }

  #start(): WorkerProcess {
    const { script, levers, env } = this.#options;
    const settings = {
      device: 'cpu',
      threads: 1,
      runBytes: 0,
    } as const;
    return new WorkerProcess({ script, levers, env, niceness: INSPECTOR_NICENESS }, settings);
  }
}
