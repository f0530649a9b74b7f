/**
 * Starts the work on entries before its results are needed, and gives the results in order.
 * @param count of results that may be under way
 * @throws what the work throws, in its turn
 */
export async function* ahead<Entry, Result>(
  entries: Iterable<Entry> | AsyncIterable<Entry>,
  count: number,
  work: (entry: Entry) => Promise<Result>,
): AsyncGenerator<Result> {
  const started: Promise<Result>[] = [];
  for await (const entry of entries) {
    const result = work(entry);
    // Nobody may be waiting for it when it fails.
    result.catch(() => {});
    started.push(result);
    if (started.length <= count) continue;
    const [first] = started.splice(0, 1);
    if (first) yield await first;
  }
  for (const result of started) yield await result;
}
