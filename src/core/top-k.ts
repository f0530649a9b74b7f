/** One class and the probability given to it. */
export interface Scored {
  index: number;
  /** 0..1 */
  score: number;
}

/**
 * The `k` classes of the highest score, best first; all of them where there are fewer.
 * @param tieBreak ranks classes of equal score, higher first; those equal in it too stand by index
 */
export function topK(scores: Float32Array, k: number, tieBreak: Float32Array = scores): Scored[] {
  const best: Scored[] = [];
  const isBetter = (index: number, than: Scored) => {
    const score = scores[index] as number;
    if (score !== than.score) return score > than.score;
    return (tieBreak[index] as number) > (tieBreak[than.index] as number);
  };
  for (let index = 0; index < scores.length; index++) {
    const last = best[best.length - 1];
    if (best.length === k && last && !isBetter(index, last)) continue;
    const at = best.findIndex((other) => isBetter(index, other));
    best.splice(at === -1 ? best.length : at, 0, { index, score: scores[index] as number });
    if (best.length > k) best.pop();
  }
  return best;
}
