import type { ByteSource } from '../../core/byte-source.js';

/** The header is none of a picture that can be decoded: the file ends in it, or it says what cannot be. */
export class HeaderDamaged extends Error {}

/** The header may be a good one, but is so long or so rare that it is not understood. */
export class HeaderUnclear extends Error {}

const WINDOW = 16 * 1024;
const READS_PER_WINDOW = 128;

/**
 * Numbers at any place of a file that may lie in pieces, got in windows of 16 KiB. How many windows are got, and how
 * many numbers read, has a bound: a hostile file may have millions of empty parts.
 */
export class ByteWindow {
  readonly length: number;
  readonly #source: ByteSource;
  #windowsLeft: number;
  #readsLeft: number;
  #start = 0;
  #bytes: Buffer = Buffer.alloc(0);

  /** @param windows how many may be got */
  constructor(source: ByteSource, windows = 256) {
    this.#source = source;
    this.length = source.length;
    this.#windowsLeft = windows;
    this.#readsLeft = windows * READS_PER_WINDOW;
  }

  u8(at: number): number {
    // The place first: finding it changes the window.
    const from = this.#find(at, 1);
    return this.#bytes[from] as number;
  }

  u16(at: number, littleEndian = false): number {
    const from = this.#find(at, 2);
    return littleEndian ? this.#bytes.readUInt16LE(from) : this.#bytes.readUInt16BE(from);
  }

  u24(at: number, littleEndian = false): number {
    const from = this.#find(at, 3);
    return littleEndian ? this.#bytes.readUIntLE(from, 3) : this.#bytes.readUIntBE(from, 3);
  }

  u32(at: number, littleEndian = false): number {
    const from = this.#find(at, 4);
    return littleEndian ? this.#bytes.readUInt32LE(from) : this.#bytes.readUInt32BE(from);
  }

  /** Exact below 2^53; beyond any file's length above. */
  u64(at: number, littleEndian = false): number {
    const high = this.u32(littleEndian ? at + 4 : at, littleEndian);
    return high * 2 ** 32 + this.u32(littleEndian ? at : at + 4, littleEndian);
  }

  /** Four characters. */
  name(at: number): string {
    const from = this.#find(at, 4);
    return this.#bytes.toString('latin1', from, from + 4);
  }

  /** Where in the window the bytes from `at` are. */
  #find(at: number, count: number): number {
    if (this.#readsLeft-- === 0) throw new HeaderUnclear();
    const from = at - this.#start;
    if (from >= 0 && from + count <= this.#bytes.length) return from;
    if (!(at >= 0 && at + count <= this.length)) throw new HeaderDamaged();
    if (this.#windowsLeft-- === 0) throw new HeaderUnclear();
    const bytes = this.#source.slice(at, at + WINDOW);
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#start = at;
    return 0;
  }
}
