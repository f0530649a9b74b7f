/**
 * Maps items with at most `width` calls in progress, and yields the results in the order of the items, each as soon as it is there.
 * @param map must not reject
 */
export async function* inOrder<T, R>(
  items: Iterable<T> | AsyncIterable<T>,
  width: number,
  map: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const source = asyncIteratorOf(items);
  const inProgress: Promise<R>[] = [];
  const ask = () => {
    const found = source.next();
    // It is not looked at while `width` calls are in progress, and may fail meanwhile.
    found.catch(() => undefined);
    return found;
  };
  let next: Promise<IteratorResult<T>> | undefined = ask();
  try {
    while (next || inProgress.length > 0) {
      const [oldest] = inProgress;
      // Whichever comes first: the next item may be long in coming.
      const item = next && inProgress.length < width ? next.then((found) => ({ found })) : undefined;
      const result = oldest?.then((done) => ({ done }));
      const first = await Promise.race([item, result].filter((event) => event !== undefined));
      if ('done' in first) {
        inProgress.shift();
        yield first.done;
      } else if (first.found.done) {
        next = undefined;
      } else {
        inProgress.push(map(first.found.value));
        next = ask();
      }
    }
  } finally {
    // Whoever stops early does not wait for what the source was asked for.
    void source.return(undefined).catch(() => undefined);
  }
}

async function* asyncIteratorOf<T>(items: Iterable<T> | AsyncIterable<T>): AsyncGenerator<T> {
  yield* items;
}
