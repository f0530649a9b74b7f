import { type ByteWindow, HeaderDamaged, HeaderUnclear } from '../byte-window.js';

/** A box of an ISO base media file: its length in four bytes, its name, its data (ISO/IEC 14496-12, 4.2). */
export interface IsoBox {
  name: string;
  /** Where its data begins. */
  at: number;
  end: number;
}

/**
 * The boxes between two places.
 * @throws HeaderDamaged, HeaderUnclear
 */
export function* boxes(file: ByteWindow, start: number, end: number): Generator<IsoBox> {
  for (let at = start; at + 8 <= end; ) {
    const length = file.u32(at);
    // 1: eight bytes behind the name say it; 0: it is the last one.
    const own = length === 1 ? file.u64(at + 8) : length === 0 ? end - at : length;
    const head = length === 1 ? 16 : 8;
    // The file is cut off; what is wrong within a box libheif makes something of at times.
    if (at + own > end && end === file.length) throw new HeaderDamaged();
    if (own < head || at + own > end) throw new HeaderUnclear();
    yield { name: file.name(at + 4), at: at + head, end: at + own };
    at += own;
  }
}

/** The boxes in one, by name; of several with one name the first. */
export function boxesIn(file: ByteWindow, { at, end }: IsoBox, skipped = 0): Map<string, IsoBox> {
  const found = new Map<string, IsoBox>();
  for (const box of boxes(file, at + skipped, end)) if (!found.has(box.name)) found.set(box.name, box);
  return found;
}
