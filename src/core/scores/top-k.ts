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
  const isBetter = (index: number, than: number) => {
    const [score, other] = [scores[index] as number, scores[than] as number];
    return score === other ? (tieBreak[index] as number) > (tieBreak[than] as number) : score > other;
  };
  const best: number[] = [];
  for (let index = 0; index < scores.length; index++) {
    let at = best.length;
    while (at > 0 && isBetter(index, best[at - 1] as number)) at--;
    if (at === k) continue;
    best.splice(at, 0, index);
    if (best.length > k) best.pop();
  }
  return best.map((index) => ({ index, score: scores[index] as number }));
}
