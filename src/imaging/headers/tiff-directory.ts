import { type ByteWindow, HeaderDamaged } from './byte-window.js';

export interface DirectoryEntry {
  tag: number;
  /** Offset of the entry. */
  at: number;
  /** Length of its values in bytes. */
  bytes: number;
  /** Offset of its values, if it is wanted. */
  place?: number;
  /** Its first value, if it is wanted and a whole number. */
  value?: number;
}

/** Bytes of a whole number by type: BYTE, SHORT, LONG and LONG8, then the signed types, read as unsigned since sizes are not negative. */
const NUMBER_BYTES: Record<number, number> = { 1: 1, 3: 2, 4: 4, 16: 8, 6: 1, 8: 2, 9: 4, 17: 8 };
/** Bytes of other values: RATIONAL, SRATIONAL, FLOAT, DOUBLE, IFD, IFD8. ASCII and UNDEFINED take one byte. */
const OTHER_BYTES: Record<number, number> = { 5: 8, 10: 8, 11: 4, 12: 8, 13: 4, 18: 8 };
const MOST_ENTRIES = 4096;

/**
 * The entries of the first directory of a TIFF or BigTIFF, or of EXIF data, which has the same form (TIFF 6.0, section 2; BigTIFF).
 * @param wanted tags whose values are read
 * @throws HeaderDamaged, HeaderUnclear
 */
export function* firstDirectory(file: ByteWindow, wanted: ReadonlySet<number>): Generator<DirectoryEntry> {
  const order = file.u16(0);
  if (order !== 0x4949 && order !== 0x4d4d) throw new HeaderDamaged();
  const little = order === 0x4949;
  const version = file.u16(2, little);
  if (version !== 42 && version !== 43) throw new HeaderDamaged();
  const big = version === 43;
  // A directory is the number of its entries, then the entries: tag, type, count, and the values or, if too long, their offset.
  const [countBytes, entryBytes, valueAt, inlineBytes] = big ? [8, 20, 12, 8] : [2, 12, 8, 4];
  const offset = (at: number) => (big ? file.u64(at, little) : file.u32(at, little));
  const start = offset(big ? 8 : 4);
  const count = big ? file.u64(start, little) : file.u16(start, little);
  for (let i = 0; i < Math.min(count, MOST_ENTRIES); i++) {
    const at = start + countBytes + i * entryBytes;
    const tag = file.u16(at, little);
    const type = file.u16(at + 2, little);
    const numberBytes = NUMBER_BYTES[type];
    const bytes = offset(at + 4) * (numberBytes ?? OTHER_BYTES[type] ?? 1);
    if (bytes === 0 || !wanted.has(tag)) {
      yield { tag, at, bytes };
      continue;
    }
    const place = bytes <= inlineBytes ? at + valueAt : offset(at + valueAt);
    if (numberBytes) yield { tag, at, bytes, place, value: number(file, place, numberBytes, little) };
    else yield { tag, at, bytes, place };
  }
}

function number(file: ByteWindow, at: number, bytes: number, little: boolean): number {
  if (bytes === 1) return file.u8(at);
  if (bytes === 2) return file.u16(at, little);
  return bytes === 4 ? file.u32(at, little) : file.u64(at, little);
}
