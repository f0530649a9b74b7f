/** How often the clock checks whether the process was asleep. */
const TICK_MS = 250;
/** A longer gap between two checks counts as sleep. A busy event loop is late by less. */
const SLEEP_MS = 1000;
/** The longest delay that `setTimeout` takes. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * Counts the milliseconds for which this process was awake. The clock stands still while the machine is suspended or the
 * process is stopped, so that no deadline expires in that time.
 */
class AwakeClock {
  #asleepMs = 0;
  #lastCheck = performance.now();

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
    const due = this.now() + ms;
    let timer = setTimeout(check, Math.min(ms, MAX_TIMEOUT_MS));
    const clock = this;
    function check(): void {
      const left = due - clock.now();
      // A timer may be early by part of a millisecond.
      if (left < 1) callback();
      else timer = setTimeout(check, Math.min(left, MAX_TIMEOUT_MS));
    }
    return () => clearTimeout(timer);
  }
}

/** The clock of this process. */
export const awakeClock = new AwakeClock();
