/**
 * Wilson's 95 % score interval of a share (E. B. Wilson 1927, "Probable inference").
 * @param share 0..1
 * @param count of how many
 * @returns low and high, 0..1
 */
export function wilson(share: number, count: number): [low: number, high: number] {
  if (count === 0) return [0, 1];
  const z = 1.959964;
  const middle = share + (z * z) / (2 * count);
  const half = z * Math.sqrt((share * (1 - share)) / count + (z * z) / (4 * count * count));
  const scale = 1 + (z * z) / count;
  return [Math.max(0, (middle - half) / scale), Math.min(1, (middle + half) / scale)];
}
