/** One fold: what is trained on, and what is tested on. */
export interface Fold {
  /** Pictures of the other folds. */
  others: Int32Array;
  /** Pictures of this fold. */
  own: Int32Array;
}

/** The folds that have pictures. @param folds fold of each picture */
export function foldsOf(folds: Int32Array): Fold[] {
  return [...new Set(folds)]
    .sort((a, b) => a - b)
    .map((fold) => ({
      others: picturesWhere(folds.length, (picture) => folds[picture] !== fold),
      own: picturesWhere(folds.length, (picture) => folds[picture] === fold),
    }));
}

function picturesWhere(count: number, wanted: (picture: number) => boolean): Int32Array {
  return Int32Array.from(Array.from({ length: count }, (_, picture) => picture).filter(wanted));
}
