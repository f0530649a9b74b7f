/** Bytes in a file or in memory, of which only the requested parts are read. */
export interface ByteSource {
  /** In bytes. */
  readonly length: number;
  /** The bytes from `start` up to but not including `end`; fewer at the end of the source. Valid until the next call. */
  slice(start: number, end: number): Uint8Array;
}

/** A byte source in memory. */
export function bytesInMemory(bytes: Uint8Array): ByteSource {
  return { length: bytes.length, slice: (start, end) => bytes.subarray(start, end) };
}

/** A byte source of several pieces in memory, in order: an upload is never copied into one array. */
export class Pieces implements ByteSource {
  readonly pieces: readonly Uint8Array[];
  readonly length: number;

  constructor(pieces: readonly Uint8Array[]) {
    this.pieces = pieces;
    this.length = pieces.reduce((sum, { length }) => sum + length, 0);
  }

  /** Whether these are the same bytes, in whatever pieces. */
  equals(other: Pieces): boolean {
    let at = 0;
    return (
      this.length === other.length &&
      this.pieces.every((piece) => {
        at += piece.length;
        return Buffer.compare(piece, other.slice(at - piece.length, at)) === 0;
      })
    );
  }

  slice(start: number, end: number): Uint8Array {
    const parts: Uint8Array[] = [];
    let offset = 0;
    for (const piece of this.pieces) {
      if (offset >= end) break;
      const [from, to] = [Math.max(0, start - offset), Math.min(piece.length, end - offset)];
      if (from < to) parts.push(piece.subarray(from, to));
      offset += piece.length;
    }
    const [only = new Uint8Array()] = parts;
    return parts.length > 1 ? Buffer.concat(parts) : only;
  }
}
