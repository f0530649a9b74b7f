/**
 * Undoes the filters of a PNG's rows (PNG, third edition, 9.2), each of which follows a byte that names its filter.
 * @param filtered `height` rows of `1 + rowBytes` bytes
 * @param pixelBytes bytes of a whole pixel, 1 for smaller ones
 * @returns `height` rows of `rowBytes` bytes; undefined if there is no such filter
 */
export function unfilter(
  filtered: Uint8Array,
  height: number,
  rowBytes: number,
  pixelBytes: number,
): Uint8Array<ArrayBuffer> | undefined {
  const out = new Uint8Array(height * rowBytes);
  let [above, aboveAt]: [Uint8Array, number] = [new Uint8Array(rowBytes), 0];
  for (let to = 0, from = 0; to < out.length; to += rowBytes, from += rowBytes) {
    const undo = FILTERS[filtered[from++] as number];
    if (!undo) return undefined;
    undo(filtered, from, out, to, above, aboveAt, rowBytes, pixelBytes);
    [above, aboveAt] = [out, to];
  }
  return out;
}

/** Undoes a filter for the row at `from`, writing it at `to`; the row above it lies in `above` at `aboveAt`. */
type Undo = (
  filtered: Uint8Array,
  from: number,
  out: Uint8Array,
  to: number,
  above: Uint8Array,
  aboveAt: number,
  rowBytes: number,
  pixelBytes: number,
) => void;

/** By their numbers: none, sub, up, average, Paeth. */
const FILTERS: readonly Undo[] = [
  (filtered, from, out, to, _above, _aboveAt, rowBytes) => out.set(filtered.subarray(from, from + rowBytes), to),
  (filtered, from, out, to, _above, _aboveAt, rowBytes, pixelBytes) => {
    for (let i = 0; i < rowBytes; i++) {
      const left = i < pixelBytes ? 0 : (out[to + i - pixelBytes] as number);
      out[to + i] = (filtered[from + i] as number) + left;
    }
  },
  (filtered, from, out, to, above, aboveAt, rowBytes) => {
    for (let i = 0; i < rowBytes; i++) out[to + i] = (filtered[from + i] as number) + (above[aboveAt + i] as number);
  },
  (filtered, from, out, to, above, aboveAt, rowBytes, pixelBytes) => {
    for (let i = 0; i < rowBytes; i++) {
      const left = i < pixelBytes ? 0 : (out[to + i - pixelBytes] as number);
      out[to + i] = (filtered[from + i] as number) + ((left + (above[aboveAt + i] as number)) >> 1);
    }
  },
  (filtered, from, out, to, above, aboveAt, rowBytes, pixelBytes) => {
    for (let i = 0; i < rowBytes; i++) {
      const inside = i >= pixelBytes;
      const left = inside ? (out[to + i - pixelBytes] as number) : 0;
      const corner = inside ? (above[aboveAt + i - pixelBytes] as number) : 0;
      out[to + i] = (filtered[from + i] as number) + paeth(left, above[aboveAt + i] as number, corner);
    }
  },
];

/** Whichever neighbour is nearest to left + above - corner; of equally near ones the first. */
function paeth(left: number, above: number, corner: number): number {
  const [toLeft, toAbove] = [Math.abs(above - corner), Math.abs(left - corner)];
  const toCorner = Math.abs(left + above - 2 * corner);
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}
