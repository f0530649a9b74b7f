/** Bytes. Messages call it MB. */
export const MIB = 1024 * 1024;

/** Bytes in MiB, rounded up. */
export function inMib(bytes: number): number {
  return Math.ceil(bytes / MIB);
}

/** Milliseconds that a core of today takes for a billion multiply-accumulates: between time and cost, where nothing was measured. */
export const NOMINAL_MS_PER_GMAC = 15;
