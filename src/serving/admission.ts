import { MenagerieError } from '../core/errors.js';

const SMOOTHING = 0.1;

/** Bounds how many pictures are being worked on or waiting, so that overload is refused at once instead of queued. */
export class Admission {
  readonly #capacity: number;
  readonly #lanes: number;
  #pending = 0;
  /** Moving average of the time a lane spends on a picture. */
  #msPerImage = 50;

  /** @param capacity pictures; @param lanes how many are worked on at a time */
  constructor(capacity: number, lanes: number) {
    this.#capacity = capacity;
    this.#lanes = lanes;
  }

  /** Pictures admitted and not yet answered. */
  get pending(): number {
    return this.#pending;
  }

  /** @throws MenagerieError `overloaded` if there is no room for `count` pictures */
  assertRoom(count: number): void {
    if (this.#pending + count <= this.#capacity) return;
    const waitS = (this.#pending * this.#msPerImage) / this.#lanes / 1000;
    throw new MenagerieError(
      'overloaded',
      `${this.#pending} pictures are waiting or being worked on; there is room for ${this.#capacity}.`,
      { retryAfterS: Math.max(1, Math.ceil(waitS)) },
    );
  }

  /**
   * Takes room for `count` pictures.
   * @returns gives the room of one picture back; to be called `count` times
   * @throws MenagerieError `overloaded`
   */
  reserve(count: number): () => void {
    this.assertRoom(count);
    this.#pending += count;
    return () => {
      this.#pending--;
    };
  }

  /** Learns how long a lane took for a picture. */
  observe(ms: number): void {
    this.#msPerImage += SMOOTHING * (ms - this.#msPerImage);
  }
}
