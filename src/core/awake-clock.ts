/** How often the clock checks whether it has stood still. */
const TICK_MS = 250;
/** A gap between two checks beyond this is sleep. A busy event loop is late by less. */
const SLEEP_MS = 1000;
/** Timers cannot be set for longer. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * Milliseconds for which this process was awake. While the machine is suspended, or the process stopped, the clock stands still,
 * so that nobody's time runs out who had no chance to use it.
 */
class AwakeClock {
  #asleepMs = 0;
  #lastCheck = performance.now();

  constructor() {
    setInterval(() => this.now(), TICK_MS).unref();
  }

  /** Milliseconds since some moment in the past. */
  now(): number {
    const now = performance.now();
    const gap = now - this.#lastCheck;
    if (gap > SLEEP_MS) this.#asleepMs += gap - TICK_MS;
    this.#lastCheck = now;
    return now - this.#asleepMs;
  }

  /**
   * Calls back after so many milliseconds of this clock; never after infinitely many.
   * @returns ends the waiting
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
