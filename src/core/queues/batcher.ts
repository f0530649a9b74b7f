import { FairQueue, type Flow } from './fair-queue.js';

/** An item that waits to be run in a batch. */
export interface BatchItem {
  /** Only items with the same key share a batch. */
  key: string;
  /** Number of rows that it takes in a batch. */
  rows: number;
  /** When it was queued, in milliseconds of a monotonic clock. */
  enqueued: number;
  /** Whether it must run in a batch of its own. */
  alone?: boolean;
  /** Items of a batch for which this is equal take their rows together only once. */
  views?: string | undefined;
}

/** What a free worker can run. */
export interface Runner<T> {
  /** Whether it can run the item. */
  takes(item: T): boolean;
  /** Most rows of a batch with this key. */
  maxRows(key: string): number;
  /** Whether it takes only full batches, because it still has work to do. */
  onlyFull: boolean;
}

/**
 * Collects batches. When a runner is free, waiting items with the same key form a batch, in queue order, up to `maxRows`. With a
 * delay, an idle runner waits for a batch to fill, but only until the first item has waited for the delay.
 */
export class Batcher<T extends BatchItem> {
  readonly #queue = new FairQueue<T>();
  readonly #delayMs: number;
  /** Waiting rows by key. */
  readonly #rows = new Map<string, number>();

  /** @param delayMs how long an item may wait for its batch to fill; 0 if a free runner does not wait */
  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  /** Number of waiting items. */
  get length(): number {
    return this.#queue.length;
  }

  /** @param cost of the item; flows share the queue in proportion to it */
  push(item: T, flow: Flow, cost: number): void {
    this.#queue.push(item, flow, cost);
    this.#count(item, 1);
  }

  /** Puts an item back that was taken out but not run: it is the next with its key. */
  putBack(item: T, flow: Flow, cost: number): void {
    this.#queue.putBack(item, flow, cost);
    this.#count(item, 1);
  }

  /** The next batch for a runner; empty if no item for it is due. An item of more than `maxRows` rows runs alone. */
  next(runner: Runner<T>, now: number): T[] {
    const first = this.#take((item) => this.#due(item, runner, now) && runner.takes(item));
    if (!first) return [];
    const batch = [first];
    if (first.alone) return batch;
    const { key } = first;
    const views = new Set([first.views]);
    const rowsOf = (item: T) => (item.views !== undefined && views.has(item.views) ? 0 : item.rows);
    let room = Math.max(0, runner.maxRows(key) - first.rows);
    // In a full batch there is room only for views that it has.
    while (room > 0 || first.views !== undefined) {
      const more = this.#take((item) => item.key === key && rowsOf(item) <= room && !item.alone && runner.takes(item));
      if (!more) return batch;
      batch.push(more);
      room -= rowsOf(more);
      views.add(more.views);
    }
    return batch;
  }

  /** When the next item that waits for its batch to fill will be due; undefined if there is none. */
  nextDue(now: number): number | undefined {
    if (this.#delayMs === 0) return undefined;
    let next: number | undefined;
    for (const { enqueued } of this.#queue) {
      const due = enqueued + this.#delayMs;
      if (due > now) next = Math.min(next ?? due, due);
    }
    return next;
  }

  /** Removes and returns the unwanted items. */
  remove(unwanted: (item: T) => boolean): T[] {
    const removed = this.#queue.remove(unwanted);
    for (const item of removed) this.#count(item, -1);
    return removed;
  }

  #take(may: (item: T) => boolean): T | undefined {
    const item = this.#queue.take(may);
    if (item) this.#count(item, -1);
    return item;
  }

  #count({ key, rows }: T, sign: 1 | -1): void {
    const left = (this.#rows.get(key) ?? 0) + sign * rows;
    if (left > 0) this.#rows.set(key, left);
    else this.#rows.delete(key);
  }

  #due({ key, enqueued, alone }: T, { onlyFull, maxRows }: Runner<T>, now: number): boolean {
    const waited = this.#delayMs === 0 || now - enqueued >= this.#delayMs;
    if (alone || (waited && !onlyFull)) return true;
    return (this.#rows.get(key) ?? 0) >= maxRows(key);
  }
}
