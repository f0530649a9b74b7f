import type { ByteWindow } from './byte-window.js';

/** A chunk of a PNG: length (4 bytes), name (4), data, checksum (4) (PNG, third edition, 5.3). */
export interface Chunk {
  name: string;
  at: number;
  /** Offset of the next chunk. */
  end: number;
}

/** Chunks that hold texts. */
export const TEXTS = ['tEXt', 'zTXt', 'iTXt'];

/**
 * The chunks of a PNG; the last one may reach beyond the end of the file.
 * @throws HeaderUnclear
 */
export function* chunks(file: ByteWindow): Generator<Chunk> {
  for (let at = 8; at + 8 <= file.length; ) {
    const end = at + 12 + file.u32(at);
    yield { name: file.name(at + 4), at, end };
    at = end;
  }
}
