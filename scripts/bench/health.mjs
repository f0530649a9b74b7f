// Health checks while a service is under load: how long does GET /livez take?
import { Worker } from 'node:worker_threads';
import { percentile } from '../measure/statistics.mjs';

/**
 * Begins to ask, in a thread of its own, so that neither the load nor its generator keeps it from asking.
 * @param {string} address of the service
 * @param {number} skipSeconds until answers count
 */
export function watchHealth(address, skipSeconds) {
  const worker = new Worker(new URL('./health-thread.mjs', import.meta.url), { workerData: { address, skipSeconds } });
  /** @type {Promise<number[]>} */
  const answered = new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  return {
    /** Ends it. */
    async stop() {
      worker.postMessage('stop');
      const times = await answered;
      return { health_p50_ms: percentile(times, 0.5), health_p99_ms: percentile(times, 0.99) };
    },
  };
}
