import type { DispatcherOptions } from './dispatcher.js';
import type { Levers } from './process/levers.js';
import type { MemoryPlan } from './process/worker-memory.js';
import type { WorkerSettings } from './protocol/worker-settings.js';

type WorkEvents = DispatcherOptions['events'];

/** Events in the workers, for metrics and logs. */
export interface PoolEvents extends WorkEvents {
  /** A worker ended and is being replaced. */
  workerReplaced(worker: number, reason: string): void;
  /** A network could not be loaded into a worker's replacement; `remaining` other workers still hold it. */
  networkLost(key: string, reason: string, remaining: number): void;
  /** The number of workers that can run a network has changed. */
  instancesChanged(key: string, instances: number): void;
}

export interface PoolOptions extends Omit<WorkerSettings, 'runBytes'> {
  /** Number of workers that hold networks. Workers times threads should not exceed the number of cores. */
  workers: number;
  /** Number of further workers that only decode and render. With these, the others do not: for a GPU. */
  renderers?: number;
  /** Threads of an instance for lone requests; default: 1, which is none. */
  loneThreads?: number;
  /** The program of a worker. */
  script: URL;
  levers: Levers;
  memory: MemoryPlan;
  env: NodeJS.ProcessEnv;
  /** How long an idle worker waits for a batch to fill, in ms; 0: it does not wait. */
  batchDelayMs: number;
  /** See DispatcherOptions. */
  aheadMs: number;
  /** A worker that takes longer than this for a batch is ended. */
  runTimeoutMs: number;
  /** A worker that takes longer than this to load a network is ended. */
  loadTimeoutMs: number;
  events: PoolEvents;
}
