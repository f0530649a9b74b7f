import type { ByteSource } from '../../core/byte-source.js';

/** The picture cannot be decoded: the file ends within the header, or the header is contradictory. */
export class HeaderDamaged extends Error {}

/** The picture is valid, but of a kind that is not decoded. The message says what it has, to follow "TIFF with". */
export class HeaderUnsupported extends Error {}

/** The header may be valid, but is too long or too rare to be understood. */
export class HeaderUnclear extends Error {}

const WINDOW = 16 * 1024;
const READS_PER_WINDOW = 128;

/**
 * Reads numbers at any offset of a file that may be in pieces, through windows of 16 KiB. The number of windows and of reads is
 * bounded, because a hostile file may have millions of empty parts. All methods throw HeaderDamaged beyond the end of the file,
 * and HeaderUnclear when the bound is reached.
 */
export class ByteWindow {
  readonly length: number;
  readonly #source: ByteSource;
  #windowsLeft: number;
  #readsLeft: number;
  #start = 0;
  #bytes: Buffer = Buffer.alloc(0);

  /** @param windows how many may be read */
  constructor(source: ByteSource, windows = 256) {
    this.#source = source;
    this.length = source.length;
    this.#windowsLeft = windows;
    this.#readsLeft = windows * READS_PER_WINDOW;
  }

  u8(at: number): number {
    // Every request reads a header, and Buffer's methods would check again what #find has checked.
    const from = this.#find(at, 1);
    return this.#bytes[from] ?? 0;
  }

  u16(at: number, littleEndian = false): number {
    const from = this.#find(at, 2);
    const first = this.#bytes[from] ?? 0;
    const second = this.#bytes[from + 1] ?? 0;
    return littleEndian ? (second << 8) | first : (first << 8) | second;
  }

  u24(at: number, littleEndian = false): number {
    const from = this.#find(at, 3);
    return littleEndian ? this.#bytes.readUIntLE(from, 3) : this.#bytes.readUIntBE(from, 3);
  }

  u32(at: number, littleEndian = false): number {
    const from = this.#find(at, 4);
    return littleEndian ? this.#bytes.readUInt32LE(from) : this.#bytes.readUInt32BE(from);
  }

  /** Exact below 2^53. Larger values are rounded, which is enough: they exceed the length of any file. */
  u64(at: number, littleEndian = false): number {
    const high = this.u32(littleEndian ? at + 4 : at, littleEndian);
    return high * 2 ** 32 + this.u32(littleEndian ? at : at + 4, littleEndian);
  }

  /** Four characters (Latin-1). */
  name(at: number): string {
    const from = this.#find(at, 4);
    return this.#bytes.toString('latin1', from, from + 4);
  }

  /** The offset of `at` in the window; may replace the window. */
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
