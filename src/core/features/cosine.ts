import { at, missing } from '../at.js';
import { MenagerieError } from '../errors.js';

/**
 * Scales each row to length 1, in place, so that the dot product of two rows is the cosine of the angle between them. A row of zeros
 * stays: its cosine with every other counts as 0.
 * @param rows rows x size
 * @throws MenagerieError `invalid_data` for values that are not finite
 */
export function toUnitRows(rows: Float32Array, size: number): void {
  for (let start = 0; start < rows.length; start += size) {
    let sum = 0;
    for (let i = start; i < start + size; i++) {
      const value = rows[i] ?? missing(i);
      sum += value * value;
    }
    if (!Number.isFinite(sum))
      throw new MenagerieError('invalid_data', `Row ${start / size} has values that are not finite.`);
    const scale = sum === 0 ? 0 : 1 / Math.sqrt(sum);
    for (let i = start; i < start + size; i++) rows[i] = (rows[i] ?? missing(i)) * scale;
  }
}

/**
 * The cosine of the angle between two rows of length 1.
 * @param i index of the row in `a`
 * @param j index of the row in `b`
 * @param size values of a row
 * @returns -1 to 1
 */
export function cosineOfRows(a: Float32Array, i: number, b: Float32Array, j: number, size: number): number {
  const [from, to] = [i * size, j * size];
  // Four sums, which a processor adds up at the same time.
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  let k = 0;
  for (; k + 3 < size; k += 4) {
    s0 += (a[from + k] ?? missing(k)) * (b[to + k] ?? missing(k));
    s1 += (a[from + k + 1] ?? missing(k)) * (b[to + k + 1] ?? missing(k));
    s2 += (a[from + k + 2] ?? missing(k)) * (b[to + k + 2] ?? missing(k));
    s3 += (a[from + k + 3] ?? missing(k)) * (b[to + k + 3] ?? missing(k));
  }
  for (; k < size; k++) s0 += at(a, from + k) * at(b, to + k);
  // Rows of length 1 are so only up to rounding.
  return Math.max(-1, Math.min(1, s0 + s1 + s2 + s3));
}
