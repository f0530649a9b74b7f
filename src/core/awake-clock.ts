/** How often the clock checks whether the process was asleep. */
const TICK_MS = 250;
/** A longer gap between two checks counts as sleep. A busy event loop is late by less. */
const SLEEP_MS = 1000;
/** The longest delay that `setTimeout` takes. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

interface Deadline {
  /** In milliseconds of the clock. */
  due: number;
  callback(): void;
}

/**
 * Counts the milliseconds for which this process was awake. The clock stands still while the machine is suspended or the
 * process is stopped, so that no deadline expires in that time.
 */
class AwakeClock {
  #asleepMs = 0;
  #lastCheck = performance.now();
  readonly #deadlines = new Set<Deadline>();
  /** One for all deadlines. A request has three, and hardly any comes to pass. */
  #timer: NodeJS.Timeout | undefined;
  /** When the timer is due. */
  #next = Number.POSITIVE_INFINITY;

  constructor() {
    setInterval(() => this.now(), TICK_MS).unref();
  }

  /** Milliseconds since an arbitrary moment. */
  now(): number {
    const now = performance.now();
    const gap = now - this.#lastCheck;
    if (gap > SLEEP_MS) this.#asleepMs += gap - TICK_MS;
    this.#lastCheck = now;
    return now - this.#asleepMs;
  }

  /**
   * Calls `callback` after `ms` milliseconds of this clock; never if `ms` is infinite.
   * @returns a function that cancels the call
   */
  after(ms: number, callback: () => void): () => void {
    const deadline = { due: this.now() + ms, callback };
    this.#deadlines.add(deadline);
    if (deadline.due < this.#next) this.#setTimer(deadline.due, ms);
    return () => this.#deadlines.delete(deadline);
  }

  #setTimer(due: number, ms: number): void {
    clearTimeout(this.#timer);
    this.#next = due;
    // It may be left from a deadline that was cancelled, so it keeps no process alive: what is waited for does.
    this.#timer = setTimeout(() => this.#check(), Math.min(ms, MAX_TIMEOUT_MS)).unref();
  }

  #check(): void {
    const now = this.now();
    this.#next = Number.POSITIVE_INFINITY;
    for (const deadline of this.#deadlines) {
      // A timer may be early by part of a millisecond.
      if (deadline.due - now < 1) {
        this.#deadlines.delete(deadline);
        deadline.callback();
      } else if (deadline.due < this.#next) this.#setTimer(deadline.due, deadline.due - now);
    }
  }
}

/** The clock of this process. */
export const awakeClock = new AwakeClock();
