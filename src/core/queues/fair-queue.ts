/** Who waits: a request, say. Its things take turns with those of others, in every queue that they pass. */
export type Flow = Readonly<Record<never, never>>;

export function createFlow(): Flow {
  return {};
}

interface QueueEntry<T> {
  item: T;
  flow: Flow;
  start: number;
  cost: number;
}

/**
 * A queue that serves flows by turns, in proportion to cost: by the order of start tags, as in start-time fair queuing (Goyal,
 * Vin, Cheng 1996), with a virtual time that passes by the share of each flow that waits, as in fair queuing (Demers, Keshav,
 * Shenker 1989). A flow that queues a hundred things at once gets its share, and a newcomer's one thing need not wait for all
 * of them; nor do newcomers without end keep the hundred waiting. Among the things of one flow the order is that of arrival.
 */
export class FairQueue<T> {
  /** By start; equal ones in the order they came. */
  readonly #entries: QueueEntry<T>[] = [];
  /** Virtual time at which what each flow has queued so far will have been served. Every queue has a time of its own. */
  readonly #finish = new WeakMap<Flow, number>();
  /** How many things of each flow wait. */
  readonly #waiting = new Map<Flow, number>();
  /** Virtual time. */
  #now = 0;

  get length(): number {
    return this.#entries.length;
  }

  /** What waits, the next to be served first. */
  *[Symbol.iterator](): Generator<T> {
    for (const { item } of this.#entries) yield item;
  }

  /** @param cost of serving it, in any unit that all share; above 0 */
  push(item: T, flow: Flow, cost: number): void {
    const start = Math.max(this.#now, this.#finish.get(flow) ?? 0);
    this.#finish.set(flow, start + cost);
    this.#insert({ item, flow, start, cost });
  }

  /** Puts a thing back that was taken and not served: it need not wait for its turn again. */
  putBack(item: T, flow: Flow, cost: number): void {
    this.#insert({ item, flow, start: Number.NEGATIVE_INFINITY, cost });
  }

  #insert(entry: QueueEntry<T>): void {
    const { flow, start } = entry;
    let [low, high] = [0, this.#entries.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#entries[middle] as QueueEntry<T>).start <= start) low = middle + 1;
      else high = middle;
    }
    this.#entries.splice(low, 0, entry);
    this.#count(flow, 1);
  }

  /** Takes the first that `may` be served. */
  take(may: (item: T) => boolean = () => true): T | undefined {
    const at = this.#entries.findIndex(({ item }) => may(item));
    if (at === -1) return undefined;
    const [entry] = this.#entries.splice(at, 1) as [QueueEntry<T>];
    // Time passes for what is served in its turn only: whoever comes must not stand behind all that went past what cannot be
    // served yet. And it passes by a share of the cost, or ever new flows would keep those that wait for ever.
    if (at === 0) this.#now = Math.max(this.#now, entry.start) + entry.cost / (this.#waiting.size + 1);
    this.#count(entry.flow, -1);
    return entry.item;
  }

  /** Takes out what is not wanted any more. */
  remove(unwanted: (item: T) => boolean): T[] {
    const removed = this.#entries.filter(({ item }) => unwanted(item));
    for (const { flow } of removed) this.#count(flow, -1);
    const kept = this.#entries.filter(({ item }) => !unwanted(item));
    this.#entries.splice(0, this.#entries.length, ...kept);
    return removed.map(({ item }) => item);
  }

  #count(flow: Flow, change: 1 | -1): void {
    const left = (this.#waiting.get(flow) ?? 0) + change;
    if (left > 0) this.#waiting.set(flow, left);
    else this.#waiting.delete(flow);
  }
}
