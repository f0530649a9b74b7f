import { Pieces } from '../../../core/byte-source.js';
import type { ByteAccount } from './byte-budget.js';

/** Memory of a piece besides its bytes, for its objects. */
const PIECE_OVERHEAD_BYTES = 512;
/** Bytes. Smaller chunks are copied together: a chunk of one byte would take 350. */
const SMALLEST_KEPT = 4 * 1024;
/** Bytes of the first block that small chunks are copied into. Each further block is twice as large. */
const FIRST_BLOCK = 4 * 1024;
const LARGEST_BLOCK = 256 * 1024;

/** Collects chunks in a small number of pieces, and charges the account for the memory that these really take. */
export class PieceWriter {
  readonly #account: ByteAccount;
  readonly #pieces: Uint8Array[] = [];
  /** Small chunks are copied into it. */
  #block = new Uint8Array();
  /** The bytes of `#block` from `#from` to before `#to` are not in `#pieces` yet. */
  #from = 0;
  #to = 0;
  #length = 0;

  constructor(account: ByteAccount) {
    this.#account = account;
  }

  /** Bytes so far. */
  get length(): number {
    return this.#length;
  }

  /** @throws MenagerieError `overloaded` if there is no memory for the chunk */
  add(chunk: Uint8Array): void {
    const bufferBytes = chunk.buffer.byteLength;
    // Keeping a small part of a buffer would keep the whole buffer in memory.
    if (chunk.length >= SMALLEST_KEPT && chunk.length >= (bufferBytes * 7) / 8) {
      this.#account.take(bufferBytes + PIECE_OVERHEAD_BYTES);
      this.#flush();
      this.#pieces.push(chunk);
    } else this.#copy(chunk);
    this.#length += chunk.length;
  }

  /** All bytes so far. */
  pieces(): Pieces {
    this.#flush();
    return new Pieces(this.#pieces);
  }

  #copy(chunk: Uint8Array): void {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#to === this.#block.length) this.#newBlock(rest.length);
      const part = rest.subarray(0, this.#block.length - this.#to);
      this.#block.set(part, this.#to);
      this.#to += part.length;
      rest = rest.subarray(part.length);
    }
  }

  #newBlock(wanted: number): void {
    const size = Math.max(FIRST_BLOCK, Math.min(LARGEST_BLOCK, Math.max(2 * this.#block.length, wanted)));
    this.#account.take(size + PIECE_OVERHEAD_BYTES);
    this.#flush();
    this.#block = new Uint8Array(size);
    this.#from = 0;
    this.#to = 0;
  }

  #flush(): void {
    if (this.#from < this.#to) this.#pieces.push(this.#block.subarray(this.#from, this.#to));
    this.#from = this.#to;
  }
}
