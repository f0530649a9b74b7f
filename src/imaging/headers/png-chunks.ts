import type { ByteWindow } from './byte-window.js';

/** A part of a PNG: its length in four bytes, its name, its data and four bytes of checksum (PNG, third edition, 5.3). */
export interface Chunk {
  name: string;
  at: number;
  /** Where the next one begins. */
  end: number;
}

/**
 * The chunks of a PNG behind its signature; the last one may reach beyond the end of the file.
 * @throws HeaderUnclear
 */
export function* chunks(file: ByteWindow): Generator<Chunk> {
  for (let at = 8; at + 8 <= file.length; ) {
    const end = at + 12 + file.u32(at);
    yield { name: file.name(at + 4), at, end };
    at = end;
  }
}
