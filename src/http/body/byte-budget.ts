import { MenagerieError } from '../../core/errors.js';

/** Whose upload it is. */
export interface Uploader {
  /** Address of the client. Behind a proxy it is the proxy's, and all share one share. */
  address: string;
  /** Bytes that the request says its body has; undefined where it does not. */
  declared: number | undefined;
}

/** Uploads that declare at most so many bytes, or this part of the memory, are small. */
const SMALL_UPLOAD = { bytes: 1024 * 1024, part: 1 / 16 };

/** The uploads of a kind: small ones, or all others. */
class Kind {
  used = 0;
  readonly usedBy = new Map<string, number>();
  /** Bytes that all of them may take. */
  readonly most: number;
  /** Bytes that several of one address may take together; a lone one may take more. */
  readonly share: number;

  constructor(most: number, share: number) {
    this.most = most;
    this.share = share;
  }

  add(address: string, bytes: number): void {
    this.used += bytes;
    const ofAddress = (this.usedBy.get(address) ?? 0) + bytes;
    if (ofAddress > 0) this.usedBy.set(address, ofAddress);
    else this.usedBy.delete(address);
  }
}

/** Bounds the memory that all uploads take together, counted as they arrive, and leaves some whoever takes the rest. */
export class ByteBudget {
  readonly #limit: number;
  readonly #small: Kind;
  readonly #large: Kind;

  /** @param limit bytes */
  constructor(limit: number) {
    this.#limit = limit;
    this.#small = new Kind(limit, limit / 4);
    this.#large = new Kind((limit * 7) / 8, limit / 2);
  }

  get used(): number {
    return this.#small.used + this.#large.used;
  }

  /** An account for one request. */
  open({ address, declared = Number.POSITIVE_INFINITY }: Uploader): ByteAccount {
    const kind = declared <= Math.min(SMALL_UPLOAD.bytes, this.#limit * SMALL_UPLOAD.part) ? this.#small : this.#large;
    let held = 0;
    let closed = false;
    return {
      take: (bytes) => {
        // A reader that was given up may still see bytes that were on their way; nobody would give them back.
        if (closed) throw new Error('the account is closed');
        const ofAddress = kind.usedBy.get(address) ?? 0;
        if (ofAddress > held && ofAddress + bytes > kind.share) {
          throw uploadsFull(
            `Uploads in progress from your address take ${ofAddress} bytes, of ${kind.share} that they may.`,
          );
        }
        if (kind.used + bytes > kind.most || this.used + bytes > this.#limit) {
          throw uploadsFull(`Uploads in progress take ${this.used} bytes; there is room for ${this.#limit}.`);
        }
        kind.add(address, bytes);
        held += bytes;
      },
      close: () => {
        kind.add(address, -held);
        held = 0;
        closed = true;
      },
    };
  }
}

function uploadsFull(detail: string): MenagerieError {
  return new MenagerieError('overloaded', detail, { retryAfterS: 1 });
}

export interface ByteAccount {
  /** @throws MenagerieError `overloaded` if no room is left; Error once it is closed */
  take(bytes: number): void;
  /** Gives everything back; nothing can be taken afterwards. */
  close(): void;
}
