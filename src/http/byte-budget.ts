import { MenagerieError } from '../core/errors.js';

/** Bounds the memory that all uploads take together, counted as their bytes arrive. */
export class ByteBudget {
  readonly #limit: number;
  #used = 0;

  /** @param limit bytes */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get used(): number {
    return this.#used;
  }

  /** An account for one request. */
  open(): ByteAccount {
    let held = 0;
    let closed = false;
    return {
      take: (bytes) => {
        // A reader that was given up may still see bytes that were on their way; nobody would give them back.
        if (closed) throw new Error('the account is closed');
        if (this.#used + bytes > this.#limit) {
          const detail = `Uploads in progress take ${this.#used} bytes; there is room for ${this.#limit}.`;
          throw new MenagerieError('overloaded', detail, { retryAfterS: 1 });
        }
        this.#used += bytes;
        held += bytes;
      },
      close: () => {
        this.#used -= held;
        held = 0;
        closed = true;
      },
    };
  }
}

export interface ByteAccount {
  /** @throws MenagerieError `overloaded` if no room is left; Error once it is closed */
  take(bytes: number): void;
  /** Gives everything back; nothing can be taken afterwards. */
  close(): void;
}
