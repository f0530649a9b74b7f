/** One class and the probability given to it. */
export interface Scored {
  index: number;
  /** 0..1 */
  score: number;
}

/** The `k` classes of the highest probability, best first, equal ones by index; all of them where there are fewer. */
export function topK(probabilities: Float32Array, k: number): Scored[] {
  const best: Scored[] = [];
  for (let index = 0; index < probabilities.length; index++) {
    const score = probabilities[index] as number;
    const last = best[best.length - 1];
    if (best.length === k && last && score <= last.score) continue;
    const at = best.findIndex((other) => score > other.score);
    best.splice(at === -1 ? best.length : at, 0, { index, score });
    if (best.length > k) best.pop();
  }
  return best;
}
