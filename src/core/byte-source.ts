/** Bytes that may lie in a file or in several pieces: only what is asked for is read. */
export interface ByteSource {
  /** In bytes. */
  readonly length: number;
  /** The bytes from `start` to before `end`, fewer where there are no more; valid until the next call. */
  slice(start: number, end: number): Uint8Array;
}

/** Bytes in memory. */
export function bytesInMemory(bytes: Uint8Array): ByteSource {
  return { length: bytes.length, slice: (start, end) => bytes.subarray(start, end) };
}

/** Bytes in memory in several pieces, in order, as they arrived: an upload is never copied together. */
export class Pieces implements ByteSource {
  readonly pieces: readonly Uint8Array[];
  readonly length: number;

  constructor(pieces: readonly Uint8Array[]) {
    this.pieces = pieces;
    this.length = pieces.reduce((sum, { length }) => sum + length, 0);
  }

  slice(start: number, end: number): Uint8Array {
    const parts: Uint8Array[] = [];
    let at = 0;
    for (const piece of this.pieces) {
      if (at >= end) break;
      const [from, to] = [Math.max(0, start - at), Math.min(piece.length, end - at)];
      if (from < to) parts.push(piece.subarray(from, to));
      at += piece.length;
    }
    const [only = new Uint8Array()] = parts;
    return parts.length > 1 ? Buffer.concat(parts) : only;
  }
}
