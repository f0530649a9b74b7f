/** From this ratio of the largest class to the smallest on, classes count equally in training. */
export const UNBALANCED = 3;

/** Whether the largest class has at least three times as many pictures as the smallest that has any. */
export function isUnbalanced(labels: Int32Array): boolean {
  const counts = new Map<number, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return Math.max(...counts.values()) >= UNBALANCED * Math.min(...counts.values());
}
