import { createFlow, FairQueue, type Flow } from './fair-queue.js';
import type { StopSignal } from './stop-signal.js';

/**
 * Starts a task at once if a permit is free; otherwise the task waits. A task takes as many permits as its weight, even if fewer
 * are free, so that a task of any weight gets its turn.
 */
export class Semaphore {
  #free: number;
  readonly #waiting = new FairQueue<() => void>();

  constructor(permits: number) {
    this.#free = permits;
  }

  /**
   * Runs `task` when its turn comes: in order of arrival, or, if it belongs to a flow, in turns with other flows.
   * @param weight permits that the task takes
   * @throws what `task` throws, or the reason of `signal` if it aborts while waiting: the task is then never started
   */
  async run<T>(task: () => Promise<T>, signal?: StopSignal, flow: Flow = createFlow(), weight = 1): Promise<T> {
    await this.#acquire(signal, flow, weight);
    try {
      return await task();
    } finally {
      this.#free += weight;
      for (let next = this.#next(); next; next = this.#next()) next();
    }
  }

  #next(): (() => void) | undefined {
    return this.#free > 0 ? this.#waiting.take() : undefined;
  }

  async #acquire(signal: StopSignal | undefined, flow: Flow, weight: number): Promise<void> {
    signal?.throwIfAborted();
    if (this.#free > 0) {
      this.#free -= weight;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const onAbort = () => {
        this.#waiting.remove((other) => other === enter);
        reject(signal?.reason);
      };
      const enter = () => {
        signal?.removeEventListener('abort', onAbort);
        this.#free -= weight;
        resolve();
      };
      this.#waiting.push(enter, flow, weight);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}
