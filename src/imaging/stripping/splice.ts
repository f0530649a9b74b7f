/** Part of a file, from its first byte to before its last, and what takes its place. */
export interface Edit {
  at: number;
  end: number;
  /** By default nothing. */
  put?: Uint8Array;
}

/** The bytes with some parts replaced, which are in order and do not overlap; `bytes` itself where there are none. */
export function splice(bytes: Uint8Array, edits: readonly Edit[]): Uint8Array {
  if (edits.length === 0) return bytes;
  const grown = edits.reduce((sum, { at, end, put }) => sum + (put?.length ?? 0) - (end - at), 0);
  const result = new Uint8Array(bytes.length + grown);
  let [from, to] = [0, 0];
  const take = (part: Uint8Array) => {
    result.set(part, to);
    to += part.length;
  };
  for (const { at, end, put } of edits) {
    take(bytes.subarray(from, at));
    if (put) take(put);
    from = end;
  }
  take(bytes.subarray(from));
  return result;
}
