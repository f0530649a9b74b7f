import { type MenagerieError, toMenagerieError } from '../../core/errors.js';
import type { Semaphore } from '../../core/queues/semaphore.js';
import type { Place } from './place.js';

/** An instance of a network for lone requests. */
export interface LoneInstance {
  threads: number;
  /** Bytes by which its worker grew when it was loaded; undefined if the system does not say. */
  bytes: number | undefined;
}

/** The name in a worker of a network's instance for lone requests. */
export function loneKey(key: string): string {
  return `${key} alone`;
}

/**
 * Second instances of networks, each in one worker, with more threads and without spinning. The dispatcher gives them what comes
 * while nothing else waits or runs. They give way to all that needs their memory.
 */
export class LoneInstances {
  readonly #places: readonly Place[];
  readonly #threads: number;
  readonly #loading: Semaphore;

  /**
   * @param threads of an instance; 1: there are none
   * @param loading keeps a worker free to serve
   */
  constructor(places: readonly Place[], threads: number, loading: Semaphore) {
    this.#places = places;
    this.#threads = threads;
    this.#loading = loading;
  }

  /**
   * Loads the instance of a network that is loaded.
   * @returns undefined if there are to be none; the error if it cannot be loaded, which is no fault of the network
   */
  async load(key: string): Promise<LoneInstance | MenagerieError | undefined> {
    // The first worker does not decode heavy pictures if there are others.
    const place = this.#places.findLast(({ networks }) => networks.has(key));
    const placed = place?.networks.get(key);
    if (!place || !placed || this.#threads === 1) return undefined;
    // One row at a time: trying batches would take time and memory.
    const spec = { ...placed.spec, key: loneKey(key), loneThreads: this.#threads, rows: 1 };
    try {
      await this.#loading.run(() => place.load(spec));
      return this.get(key);
    } catch (error) {
      return toMenagerieError(error);
    }
  }

  /** The instance of a network, if it has one now. */
  get(key: string): LoneInstance | undefined {
    const placed = this.#places.flatMap(({ networks }) => networks.get(loneKey(key)) ?? [])[0];
    return placed && { threads: this.#threads, bytes: placed.grownBytes };
  }

  /** Unloads the instance of a network, if it has one. Never rejects: a worker that cannot unload is replaced. */
  async unload(key: string): Promise<void> {
    await Promise.allSettled(this.#places.map((place) => place.unload(loneKey(key))));
  }
}
