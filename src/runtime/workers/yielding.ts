import type { WorkerProcess } from './process/worker-process.js';

/** A process is held no longer than this at a time, and then runs at least so long, so that its work ends at some time. */
const [MOST_HELD_MS, LEAST_RUN_MS] = [200, 20];

/**
 * Processes whose work yields to requests: they are stopped while requests need the cores. A low priority is not enough, because a
 * core that is a thread of another slows it down by a third, and because a request may need the worker.
 */
export class Yielding {
  readonly #processes = new Set<WorkerProcess>();
  /** Whether requests need the cores. */
  #needed = false;
  #held = false;
  #timer: NodeJS.Timeout | undefined;
  /** Called when the processes run on. */
  #waiting: (() => void)[] = [];

  /** Has a process yield. */
  add(process: WorkerProcess): void {
    this.#processes.add(process);
    if (this.#held) process.hold(true);
    else this.yield(this.#needed);
  }

  /** Lets a process run on. */
  delete(process: WorkerProcess): void {
    if (!this.#processes.delete(process)) return;
    if (process.held) process.hold(false);
    if (this.#processes.size === 0) this.#release();
  }

  /** @param needed whether requests need the cores from now on */
  yield(needed: boolean): void {
    this.#needed = needed;
    if (!needed) this.#release();
    else if (this.#processes.size > 0 && this.#timer === undefined) this.#hold();
  }

  /**
   * Waits while the processes are held: for what this process itself does for them, and which would take the cores from requests as
   * they would.
   */
  async turn(): Promise<void> {
    if (this.#held) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #hold(): void {
    this.#set(true);
    this.#timer = setTimeout(() => {
      this.#set(false);
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        this.yield(this.#needed);
      }, LEAST_RUN_MS);
    }, MOST_HELD_MS);
  }

  #release(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#set(false);
  }

  #set(held: boolean): void {
    if (this.#held === held) return;
    this.#held = held;
    for (const process of this.#processes) process.hold(held);
    if (!held) for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
