import { countViews, type LookOptions } from '../core/test-time.js';
import type { ServedModel } from './model.js';

/** What work costs. */
export interface Cost {
  /** Price: billions of multiply-accumulates. */
  gmacs: number;
  /** Milliseconds that lanes are expected to spend on it, all together. */
  ms: number;
}

/**
 * Price of decoding and resizing a picture, in GMAC: what a core does in the milliseconds that this takes. It is most of the
 * price for the smallest networks.
 */
export const READING_GMACS = 0.5;
const SMOOTHING = 0.1;

/** What reading a picture takes, learned from those that were read. */
export class ReadingTime {
  /** Moving average. */
  #ms = 8;

  get ms(): number {
    return this.#ms;
  }

  observe(ms: number): void {
    this.#ms += SMOOTHING * (ms - this.#ms);
  }
}

/** A network that looks at a picture in some way. */
export interface Looker {
  model: ServedModel;
  look: LookOptions;
}

/**
 * Price and expected time of pictures: each is read once, and every network runs on each of its views.
 * @param readingMs of one picture
 */
export function costOf(lookers: readonly Looker[], pictures: number, readingMs: number): Cost {
  let [gmacs, ms] = [READING_GMACS, readingMs];
  for (const { model, look } of lookers) {
    const views = countViews(look);
    gmacs += views * model.gmacs;
    ms += views * model.rowMs;
  }
  return { gmacs: pictures * gmacs, ms: pictures * ms };
}

/** Milliseconds until one picture is answered by an idle server: its views are spread over the lanes. */
export function expectedMs(lookers: readonly Looker[], lanes: number, readingMs: number): number {
  const rows = lookers.map(({ model, look }) => ({ views: countViews(look), ms: model.rowMs }));
  const total = rows.reduce((sum, { views, ms }) => sum + views * ms, 0);
  return readingMs + Math.max(total / lanes, ...rows.map(({ ms }) => ms));
}
