/** Maps with at most `width` calls under way, giving the results in the order of the items. */
export async function* inOrder<T, R>(
  items: readonly T[],
  width: number,
  map: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const underWay: Promise<R>[] = [];
  for (const item of items) {
    underWay.push(map(item));
    if (underWay.length >= width) yield (await underWay.shift()) as R;
  }
  for (const rest of underWay) yield await rest;
}
