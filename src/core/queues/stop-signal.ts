/** Ends work that is no longer wanted: an AbortSignal, or a `Stop`. */
export interface StopSignal {
  readonly aborted: boolean;
  /** Undefined before. */
  readonly reason: unknown;
  /** @throws the reason, if it was aborted */
  throwIfAborted(): void;
  addEventListener(type: 'abort', listener: () => void, options: { once: true }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/**
 * An AbortController and its signal in one, with any number of listeners. For what every request needs: it takes a tenth of the time
 * of Node's own.
 */
export class Stop implements StopSignal {
  readonly #listeners = new Set<() => void>();
  #aborted = false;
  #reason: unknown;

  get aborted(): boolean {
    return this.#aborted;
  }

  get reason(): unknown {
    return this.#reason;
  }

  /** Tells all listeners; without effect the second time. */
  abort(reason: unknown): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason;
    for (const listener of this.#listeners) {
      this.#listeners.delete(listener);
      listener();
    }
  }

  throwIfAborted(): void {
    if (this.#aborted) throw this.#reason;
  }

  /** Every listener is told once. */
  addEventListener(_type: 'abort', listener: () => void): void {
    if (!this.#aborted) this.#listeners.add(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.delete(listener);
  }
}
