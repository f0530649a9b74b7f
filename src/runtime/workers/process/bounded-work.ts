import { processStatus, WATCH_MS, type WorkerMemory } from './worker-memory.js';
import type { WorkerProcess } from './worker-process.js';

/** What bounds the work of a process that works for one task at a time. */
export interface WorkBounds {
  memory: WorkerMemory;
  /** What the process is doing, as the beginning of a sentence. */
  what: string;
  /** Kills the process. */
  signal?: AbortSignal | undefined;
}

/**
 * Does work in a process. The process is killed if the signal aborts, or if it holds more memory than its share.
 * @throws what `work` throws, such as WorkerLost; the signal's reason
 */
export async function boundedWork<T>(
  worker: WorkerProcess,
  { memory, what, signal }: WorkBounds,
  work: () => Promise<T>,
): Promise<T> {
  const onAbort = () => worker.kill({ kind: 'stopped', reason: 'nobody waits for it any more' });
  const watch = setInterval(() => {
    memory.enforceShare(worker, processStatus(worker.pid)?.held ?? 0, what);
  }, WATCH_MS);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    signal?.throwIfAborted();
    return await work();
  } catch (error) {
    throw signal?.aborted ? signal.reason : error;
  } finally {
    clearInterval(watch);
    signal?.removeEventListener('abort', onAbort);
  }
}
