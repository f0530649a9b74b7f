/** Bytes in 1 MiB, which messages call MB. */
export const MIB = 1024 * 1024;

/** Bytes to MiB, rounded up. */
export function inMib(bytes: number): number {
  return Math.ceil(bytes / MIB);
}

/** Typical milliseconds per billion multiply-accumulates on one core, to convert time to cost where nothing was measured. */
export const NOMINAL_MS_PER_GMAC = 15;

/** A share as text: 0.967 is "96.7 %". @param share 0..1 */
export function asPercent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
