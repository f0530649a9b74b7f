/** The element at `index`. Not for hot loops: see `missing`. @throws RangeError if there is none */
export function at(values: ArrayLike<number>, index: number): number {
  return values[index] ?? missing(index);
}

/**
 * For hot loops: `values[i] ?? missing(i)` costs nothing, where a call of `at` takes up to ten times as long as the access.
 * @throws RangeError always
 */
export function missing(index: number): never {
  throw new RangeError(`There is no element ${index}`);
}
