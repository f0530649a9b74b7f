import { isOver, type TransferJob } from './transfer-job.js';

/** Who follows jobs, and is told of their changes. */
export class JobWatchers {
  readonly #byId = new Map<string, Set<() => void>>();
  #closed = false;

  /** Tells those who watch a job that it has changed. */
  changed({ id }: TransferJob): void {
    for (const wake of this.#byId.get(id) ?? []) wake();
  }

  /** Lets all go when they have seen the last change. */
  close(): void {
    this.#closed = true;
    for (const watchers of this.#byId.values()) for (const wake of watchers) wake();
  }

  /**
   * The job now, and again after each change until it is over or the watchers are closed. Changes that come faster than they are
   * taken are given as one.
   * @param signal ends it
   */
  async *watch(job: TransferJob, signal: AbortSignal): AsyncGenerator<TransferJob> {
    let changed = true;
    let wake = () => {};
    const onChange = () => {
      changed = true;
      wake();
    };
    const watchers = this.#byId.get(job.id) ?? new Set();
    this.#byId.set(job.id, watchers.add(onChange));
    signal.addEventListener('abort', onChange, { once: true });
    try {
      while (!signal.aborted) {
        if (changed) {
          changed = false;
          // It may change while the reader has it.
          const over = isOver(job);
          yield job;
          if (over) return;
        } else if (this.#closed) return;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      signal.removeEventListener('abort', onChange);
      watchers.delete(onChange);
      if (watchers.size === 0) this.#byId.delete(job.id);
    }
  }
}
