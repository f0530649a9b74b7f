import { missing } from '../at.js';

/** A class and its probability. */
export interface Scored {
  index: number;
  /** 0..1 */
  score: number;
}

interface Candidate extends Scored {
  /** Its value in `tieBreak`. */
  tie: number;
}

/**
 * The `k` classes with the highest scores, best first; all of them if there are fewer.
 * @param tieBreak ranks classes of equal score, higher first; those equal in this too are ranked by index
 */
export function topK(scores: Float32Array, k: number, tieBreak: Float32Array = scores): Scored[] {
  const best: Candidate[] = [];
  for (let index = 0; index < scores.length; index++) {
    const score = scores[index] ?? missing(index);
    const tie = tieBreak[index] ?? missing(index);
    let rank = best.length;
    for (; rank > 0; rank--) {
      const other = best[rank - 1];
      if (!other || !(score === other.score ? tie > other.tie : score > other.score)) break;
    }
    if (rank === k) continue;
    best.splice(rank, 0, { index, score, tie });
    if (best.length > k) best.pop();
  }
  return best.map(({ index, score }) => ({ index, score }));
}
