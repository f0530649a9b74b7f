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
    return {
      take: (bytes) => {
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
      },
    };
  }
}

export interface ByteAccount {
  /** @throws MenagerieError `overloaded` if no room is left */
  take(bytes: number): void;
  /** Gives everything back. */
  close(): void;
}
