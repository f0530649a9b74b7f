import { MenagerieError } from '../../../core/errors.js';

/** The origin and size of an upload. */
export interface Uploader {
  /** Address of the client. Behind a proxy it is the proxy's, so all clients have one share together. */
  address: string;
  /** Content-Length of the request; undefined if it has none. */
  declared: number | undefined;
}

/** An upload is small if it declares at most this many bytes, and at most this part of the memory. */
const SMALL_UPLOAD = { bytes: 1024 * 1024, part: 1 / 16 };

/** The uploads of one kind: small ones, or all others. */
class UploadKind {
  used = 0;
  readonly usedBy = new Map<string, number>();
  /** Most bytes of all together. */
  readonly limit: number;
  /** Most bytes of several uploads from one address; a single one may take more. */
  readonly share: number;

  constructor(limit: number, share: number) {
    this.limit = limit;
    this.share = share;
  }

  add(address: string, bytes: number): void {
    this.used += bytes;
    const ofAddress = (this.usedBy.get(address) ?? 0) + bytes;
    if (ofAddress > 0) this.usedBy.set(address, ofAddress);
    else this.usedBy.delete(address);
  }
}

/** Bounds the memory of all uploads together, counted as bytes arrive. Keeps some of it for small uploads and for other addresses. */
export class ByteBudget {
  readonly #limit: number;
  readonly #small: UploadKind;
  readonly #large: UploadKind;

  /** @param limit bytes */
  constructor(limit: number) {
    this.#limit = limit;
    this.#small = new UploadKind(limit, limit / 4);
    this.#large = new UploadKind((limit * 7) / 8, limit / 2);
  }

  get used(): number {
    return this.#small.used + this.#large.used;
  }

  /** Opens an account for one request. */
  open({ address, declared = Number.POSITIVE_INFINITY }: Uploader): ByteAccount {
    const kind = declared <= Math.min(SMALL_UPLOAD.bytes, this.#limit * SMALL_UPLOAD.part) ? this.#small : this.#large;
    let held = 0;
    let closed = false;
    return {
      take: (bytes) => {
        // A reader that was aborted may still receive bytes, which nobody would give back.
        if (closed) throw new Error('the account is closed');
        const ofAddress = kind.usedBy.get(address) ?? 0;
        if (ofAddress > held && ofAddress + bytes > kind.share) {
          throw uploadsFull(
            `Uploads in progress from your address take ${ofAddress} bytes; the limit is ${kind.share}.`,
          );
        }
        if (kind.used + bytes > kind.limit || this.used + bytes > this.#limit) {
          throw uploadsFull(`Uploads in progress take ${this.used} bytes; the limit is ${this.#limit}.`);
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
  /** @throws MenagerieError `overloaded` if no room is left; Error if the account is closed */
  take(bytes: number): void;
  /** Gives all bytes back. No more can be taken afterwards. */
  close(): void;
}
