/** Bytes in 1 MiB, which messages call MB. */
export const MIB = 1024 * 1024;

/** Bytes to MiB, rounded up. */
export function inMib(bytes: number): number {
  return Math.ceil(bytes / MIB);
}

/** Typical milliseconds per billion multiply-accumulates on one core, to convert time to cost where nothing was measured. */
export const NOMINAL_MS_PER_GMAC = 15;
