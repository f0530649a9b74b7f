import { foldsOf } from '../head/folds.js';
import type { TakeStep } from '../protocol/steps.js';

/** How to tell pictures that are of none of the classes. */
export interface UnknownScore {
  /** Features that stand for all pictures: at most 512 x size, rows of length 1. */
  known: Float32Array;
  /** Pictures farther from the nearest known row than this are unknown: 1 - cosine. */
  above: number;
  /** Share of held-out pictures that are farther, 0..1. */
  heldOutShare: number;
}

/** Known rows: they are part of the file, and are compared with each picture. */
const MOST_KNOWN = 512;
/** Share of held-out pictures of the classes that are called unknown. */
const WRONGLY_UNKNOWN = 0.05;

/**
 * Finds the known rows, and the distance from them at which about 5 % of the held-out pictures would be called unknown.
 * @param take takes a step in the trainer
 * @param features pictures x size, of the plain views
 * @param folds fold of each picture
 * @param onProgress gets the share done, 0..1
 */
export async function unknownScore(
  take: TakeStep,
  { features, size, folds, seed }: { features: Float32Array; size: number; folds: Int32Array; seed: number },
  onProgress: (share: number) => void,
): Promise<UnknownScore> {
  await take({ kind: 'features/open', size, seed }, [features]);
  const centresOf = async (pictures: Int32Array) => {
    const { tensors } = await take({ kind: 'features/centres', most: MOST_KNOWN, seed }, [pictures]);
    return tensors[0]?.values ?? new Float32Array();
  };
  const distances: number[] = [];
  const all = foldsOf(folds);
  for (const [f, { others, own }] of all.entries()) {
    const known = await centresOf(others);
    const { tensors } = await take({ kind: 'features/distances' }, [own, known]);
    distances.push(...(tensors[0]?.values ?? []));
    onProgress((f + 1) / (all.length + 1));
  }
  const known = await centresOf(folds.map((_, picture) => picture));
  onProgress(1);
  const above = quantile(distances, 1 - WRONGLY_UNKNOWN);
  const heldOutShare = distances.filter((distance) => distance > above).length / Math.max(1, distances.length);
  return { known, above, heldOutShare };
}

/**
 * The value that a further one exceeds with a probability of at most 1 - share (Vovk, Gammerman and Shafer 2005, "Algorithmic Learning
 * in a Random World": split conformal prediction); the largest if there are too few to say.
 */
function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length, Math.ceil((sorted.length + 1) * share)) - 1] ?? 0;
}
