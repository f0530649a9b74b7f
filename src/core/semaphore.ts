import { createFlow, FairQueue, type Flow } from './fair-queue.js';

/** Lets at most `permits` tasks run at once; the others wait their turn. */
export class Semaphore {
  #free: number;
  readonly #waiting = new FairQueue<() => void>();

  constructor(permits: number) {
    this.#free = permits;
  }

  /**
   * Runs `task` when it is its turn: in the order they came, or by turns with other flows where it is one of a flow's.
   * @throws what `task` throws, or the reason of `signal` if it aborts while waiting: the task is then never started
   */
  async run<T>(task: () => Promise<T>, signal?: AbortSignal, flow: Flow = createFlow()): Promise<T> {
    await this.#acquire(signal, flow);
    try {
      return await task();
    } finally {
      const next = this.#waiting.take();
      if (next) next();
      else this.#free++;
    }
  }

  async #acquire(signal: AbortSignal | undefined, flow: Flow): Promise<void> {
    signal?.throwIfAborted();
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const onAbort = () => {
        this.#waiting.remove((other) => other === enter);
        reject(signal?.reason);
      };
      const enter = () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      this.#waiting.push(enter, flow, 1);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}
