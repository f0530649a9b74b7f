import { type ByteWindow, HeaderDamaged, HeaderUnclear } from '../byte-window.js';

/** A box of an ISO base media file: its length in four bytes, its name, its data (ISO/IEC 14496-12, 4.2). */
export interface IsoBox {
  name: string;
  /** Offset of its data. */
  at: number;
  /** Offset of the next box. */
  end: number;
}

/**
 * The boxes between two offsets.
 * @throws HeaderDamaged, HeaderUnclear
 */
export function* boxes(file: ByteWindow, start: number, end: number): Generator<IsoBox> {
  for (let at = start; at + 8 <= end; ) {
    const length = file.u32(at);
    // 1: the length is in the eight bytes after the name; 0: the box is the last one.
    const own = length === 1 ? file.u64(at + 8) : length === 0 ? end - at : length;
    const head = length === 1 ? 16 : 8;
    // The file is truncated. Other faults within a box are unclear: libheif tolerates some.
    if (at + own > end && end === file.length) throw new HeaderDamaged();
    if (own < head || at + own > end) throw new HeaderUnclear();
    yield { name: file.name(at + 4), at: at + head, end: at + own };
    at += own;
  }
}

/** The boxes inside a box, by name; the first one of each name. */
export function boxesIn(file: ByteWindow, { at, end }: IsoBox, skipped = 0): Map<string, IsoBox> {
  const found = new Map<string, IsoBox>();
  for (const box of boxes(file, at + skipped, end)) if (!found.has(box.name)) found.set(box.name, box);
  return found;
}
