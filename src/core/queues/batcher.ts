import { FairQueue, type Flow } from './fair-queue.js';

/** Something that waits to be run together with its like. */
export interface BatchItem {
  /** Only items of the same key share a batch. */
  key: string;
  /** Rows it takes of a batch. */
  rows: number;
  /** When it came, in milliseconds of a clock that only goes forward. */
  enqueued: number;
  /** Whether it shares a batch with nothing. */
  alone?: boolean;
}

/** What someone who is free can run. */
export interface Runner<T> {
  /** Whether it can run the item. */
  takes(item: T): boolean;
  /** Most rows of a batch of this key. */
  maxRows(key: string): number;
  /** Whether it takes full batches only, as it has something to do as yet. */
  onlyFull: boolean;
}

/**
 * Collects batches: whatever of the same key waits when someone is free, in the queue's order, up to the most rows. With a
 * delay an idle runner waits for a batch to fill, but no longer than the delay from the first item's arrival.
 */
export class Batcher<T extends BatchItem> {
  readonly #queue = new FairQueue<T>();
  readonly #delayMs: number;
  /** Rows that wait, by key. */
  readonly #rows = new Map<string, number>();

  /** @param delayMs how long an item may wait for company; 0: whoever is free runs what there is */
  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  /** Items that wait. */
  get length(): number {
    return this.#queue.length;
  }

  /** @param cost of the item; the flows take turns in proportion to it */
  push(item: T, flow: Flow, cost: number): void {
    this.#queue.push(item, flow, cost);
    this.#count(item, 1);
  }

  /** Puts an item back that was taken out and not served: it is the next of its kind. */
  putBack(item: T, flow: Flow, cost: number): void {
    this.#queue.putBack(item, flow, cost);
    this.#count(item, 1);
  }

  /** The next batch for a runner; empty if nothing for it is due. An item larger than the most rows runs alone. */
  next(runner: Runner<T>, now: number): T[] {
    const first = this.#take((item) => this.#due(item, runner, now) && runner.takes(item));
    if (!first) return [];
    const batch = [first];
    const { key } = first;
    let room = first.alone ? 0 : runner.maxRows(key) - first.rows;
    while (room > 0) {
      const more = this.#take((item) => item.key === key && item.rows <= room && !item.alone && runner.takes(item));
      if (!more) break;
      batch.push(more);
      room -= more.rows;
    }
    return batch;
  }

  /** When the next item that waits for company will be due; undefined if none does. Those that are due wait for a runner. */
  nextDue(now: number): number | undefined {
    if (this.#delayMs === 0) return undefined;
    let next: number | undefined;
    for (const { enqueued } of this.#queue) {
      const due = enqueued + this.#delayMs;
      if (due > now) next = Math.min(next ?? due, due);
    }
    return next;
  }

  /** Takes out what is not wanted any more. */
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
