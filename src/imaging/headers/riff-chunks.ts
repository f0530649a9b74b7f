import type { ByteWindow } from './byte-window.js';

/** A chunk of a WebP: name (4 bytes), length of the data (4), and the data, padded to an even length. */
export interface RiffChunk {
  name: string;
  at: number;
  /** Offset of the next chunk. */
  end: number;
}

/**
 * The chunks of a WebP (WebP Container Specification); the last one may reach beyond the end of the file.
 * @throws HeaderUnclear
 */
export function* riffChunks(file: ByteWindow, from = 12): Generator<RiffChunk> {
  for (let at = from; at + 8 <= file.length; ) {
    const length = file.u32(at + 4, true);
    const end = at + 8 + length + (length & 1);
    yield { name: file.name(at), at, end };
    at = end;
  }
}
