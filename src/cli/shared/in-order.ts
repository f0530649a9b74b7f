/** Maps items with at most `width` calls in progress, and yields the results in the order of the items. */
export async function* inOrder<T, R>(
  items: readonly T[],
  width: number,
  map: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const inProgress: Promise<R>[] = [];
  for (const item of items) {
    inProgress.push(map(item));
    const oldest = inProgress.length >= width ? inProgress.shift() : undefined;
    if (oldest) yield await oldest;
  }
  for (const rest of inProgress) yield await rest;
}
