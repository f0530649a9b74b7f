/** The source of items, such as a request. In every queue its items take turns with those of other flows. */
export interface Flow {
  /** Whether its jobs yield to all jobs of other flows: no worker does one while another job waits for it. */
  readonly background: boolean;
}

/** A new flow; not in the background unless it says so. */
export function createFlow({ background = false }: Partial<Flow> = {}): Flow {
  return { background };
}

interface QueueEntry<T> {
  item: T;
  flow: Flow;
  start: number;
  cost: number;
}

/**
 * A queue that serves flows in turns, so that each gets an equal share by cost. Items are ordered by start tags, as in start-time
 * fair queuing (Goyal, Vin, Cheng 1996); virtual time advances by one waiting flow's share of the cost, as in fair queuing
 * (Demers, Keshav, Shenker 1989). If a flow queues a hundred items at once, an item of a new flow need not wait for all of them,
 * nor does an endless series of new flows starve the hundred. The items of one flow are served in order of arrival.
 */
export class FairQueue<T> {
  /** Sorted by start tag, then by arrival. */
  readonly #entries: QueueEntry<T>[] = [];
  /** The finish tag of each flow's last item: the virtual time at which all its items will have been served. */
  readonly #finish = new WeakMap<Flow, number>();
  /** Number of waiting items of each flow. */
  readonly #waiting = new Map<Flow, number>();
  /** Virtual time of this queue. */
  #now = 0;

  get length(): number {
    return this.#entries.length;
  }

  /** The waiting items in the order of service. */
  *[Symbol.iterator](): Generator<T> {
    for (const { item } of this.#entries) yield item;
  }

  /** @param cost of serving the item, above 0, in any unit that all items share */
  push(item: T, flow: Flow, cost: number): void {
    const start = Math.max(this.#now, this.#finish.get(flow) ?? 0);
    this.#finish.set(flow, start + cost);
    this.#insert({ item, flow, start, cost });
  }

  /** Puts an item that was taken but not served back to the front of the queue. */
  putBack(item: T, flow: Flow, cost: number): void {
    this.#insert({ item, flow, start: Number.NEGATIVE_INFINITY, cost });
  }

  #insert(entry: QueueEntry<T>): void {
    const { flow, start } = entry;
    const index = this.#entries.findLastIndex((other) => other.start <= start) + 1;
    this.#entries.splice(index, 0, entry);
    this.#count(flow, 1);
  }

  /** Removes and returns the first item that `may` be served. */
  take(may: (item: T) => boolean = () => true): T | undefined {
    const index = this.#entries.findIndex(({ item }) => may(item));
    const [entry] = index === -1 ? [] : this.#entries.splice(index, 1);
    if (!entry) return undefined;
    // Only an item at the front advances virtual time: otherwise new items would queue behind all those that overtook an item
    // which cannot be served yet. It advances by a share of the cost: otherwise a series of new flows would starve the others.
    if (index === 0) this.#now = Math.max(this.#now, entry.start) + entry.cost / (this.#waiting.size + 1);
    this.#count(entry.flow, -1);
    return entry.item;
  }

  /** Removes and returns the unwanted items. */
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
