import type { TakeStep } from '../protocol/steps.js';

/**
 * Least cosine between the features of near-duplicates. Measured: mirrored copies have 0.876 and more in MobileNetV2's features,
 * different pictures 0.85 and less, and any two pictures about 0.46.
 */
const LEAST_COSINE = 0.87;
/** The same as a part of the distance between any two pictures, for pictures that are all alike, such as digits. */
const SHARE_OF_DISTANCE = 0.24;

/** Pictures that are nearly the same. */
export interface NearDuplicates {
  /** Group of each picture: the index of its first picture. A picture without a near-duplicate has a group of its own. */
  groups: Int32Array;
  /** Least cosine of two near-duplicates. */
  threshold: number;
}

/**
 * Finds pictures that are nearly the same, such as copies, mirrored or scaled: those whose features have a cosine of 0.87 or more.
 * If pictures of the set are much alike, it must be more.
 * @param take takes a step in the trainer
 * @param features pictures x size, of the plain views
 * @param onProgress gets the share done, 0..1
 */
export async function nearDuplicates(
  take: TakeStep,
  features: Float32Array,
  size: number,
  seed: number,
  onProgress: (share: number) => void,
): Promise<NearDuplicates> {
  const pictures = features.length / size;
  const { median = 0 } = (await take({ kind: 'features/open', size, seed }, [features])).facts;
  const threshold = Math.max(LEAST_COSINE, 1 - SHARE_OF_DISTANCE * (1 - median));
  for (let from = 0; from < pictures; ) {
    const { to = pictures } = (await take({ kind: 'features/join', from, threshold })).facts;
    from = to;
    // The first blocks are compared with the most pictures.
    onProgress(1 - (1 - from / pictures) ** 2);
  }
  const [groups] = (await take({ kind: 'features/groups' })).tensors;
  return { groups: Int32Array.from(groups?.values ?? []), threshold };
}
