/** Replaces the bytes of a file from `at` to before `end`. */
export interface Edit {
  at: number;
  end: number;
  /** The replacement; by default nothing. */
  put?: Uint8Array;
}

/**
 * Applies edits, which must be in order and not overlap.
 * @returns a copy, or `bytes` itself if there are no edits
 */
export function splice(bytes: Uint8Array, edits: readonly Edit[]): Uint8Array {
  if (edits.length === 0) return bytes;
  const grown = edits.reduce((sum, { at, end, put }) => sum + (put?.length ?? 0) - (end - at), 0);
  const result = new Uint8Array(bytes.length + grown);
  let [from, to] = [0, 0];
  const append = (part: Uint8Array) => {
    result.set(part, to);
    to += part.length;
  };
  for (const { at, end, put } of edits) {
    append(bytes.subarray(from, at));
    if (put) append(put);
    from = end;
  }
  append(bytes.subarray(from));
  return result;
}
