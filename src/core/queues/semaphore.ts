import { createFlow, FairQueue, type Flow } from './fair-queue.js';

/**
 * Lets tasks run at once as long as a permit is free; the others wait their turn. A task takes as many permits as it weighs, the
 * last one more than there are: so whatever it weighs, its turn comes.
 */
export class Semaphore {
  #free: number;
  readonly #waiting = new FairQueue<() => void>();

  constructor(permits: number) {
    this.#free = permits;
  }

  /**
   * Runs `task` when it is its turn: in the order they came, or by turns with other flows where it is one of a flow's.
   * @param weight permits that it takes
   * @throws what `task` throws, or the reason of `signal` if it aborts while waiting: the task is then never started
   */
  async run<T>(task: () => Promise<T>, signal?: AbortSignal, flow: Flow = createFlow(), weight = 1): Promise<T> {
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

  async #acquire(signal: AbortSignal | undefined, flow: Flow, weight: number): Promise<void> {
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
