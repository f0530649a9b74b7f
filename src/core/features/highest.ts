/** Something, and how similar it is. */
export interface Similar<T> {
  /** Cosine, -1 to 1. */
  similarity: number;
  item: T;
}

/** Keeps the items with the highest similarities, at most so many. Of equals those that came first are kept, and come first. */
export class Highest<T> {
  readonly #most: number;
  readonly #best: Similar<T>[] = [];
  #dropped = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** Number of items that were given and are not among the highest. */
  get dropped(): number {
    return this.#dropped;
  }

  /** The highest first. */
  get items(): readonly Similar<T>[] {
    return this.#best;
  }

  /** @param make called only if the item is kept */
  add(similarity: number, make: () => T): void {
    const lowest = this.#best.at(-1);
    const full = this.#best.length === this.#most;
    if (full) this.#dropped++;
    if (full && (!lowest || similarity <= lowest.similarity)) return;
    if (full) this.#best.pop();
    this.#best.splice(this.#placeOf(similarity), 0, { similarity, item: make() });
  }

  /** The index behind all that are at least as similar. */
  #placeOf(similarity: number): number {
    let [low, high] = [0, this.#best.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const found = this.#best[middle];
      if (found && found.similarity >= similarity) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
