import type { Pieces } from '../../core/byte-source.js';
import type { DecodeCost } from '../../core/decode-cost.js';

/** The cost of work. */
export interface Cost {
  /** Billions of multiply-accumulates. */
  gmacs: number;
  /** Expected milliseconds of all workers together. */
  ms: number;
}

/**
 * Cost of decoding and rendering an ordinary picture, and the least for any picture, in GMAC: what a core computes in that time. It is
 * most of the cost for the smallest networks.
 */
export const READING_GMACS = 0.5;

/** Returns the cost of decoding a file; undefined if it is not a picture of a known format. */
export type CostOfDecoding = (file: Pieces) => DecodeCost | undefined;

/** Weight of the newest observation in the moving average. */
const SMOOTHING = 0.1;
/** An observation counts as at most so many times slower, or faster, than expected: a machine may pause for a moment. */
const MOST_SURPRISING = 4;

/** The next value of an exponential moving average that limits outliers. */
export function smoothed(expected: number, observed: number): number {
  const counted = Math.min(expected * MOST_SURPRISING, Math.max(expected / MOST_SURPRISING, observed));
  return expected + SMOOTHING * (counted - expected);
}

/** The measured speed of decoding and rendering pictures on this machine. */
export class ReadingSpeed {
  /** Moving average, with a typical value at first. */
  #msPerGmac = 16;

  /** Cost of decoding and rendering a picture. @param gmacs default: an ordinary picture */
  costOf(gmacs = READING_GMACS): Cost {
    return { gmacs, ms: this.#msPerGmac * gmacs };
  }

  /** Updates the speed by a picture that was answered. */
  observe(ms: number, gmacs: number): void {
    this.#msPerGmac = smoothed(this.#msPerGmac, ms / gmacs);
  }
}

/** The sum of the costs. */
export function sumOf(costs: readonly Cost[]): Cost {
  return costs.reduce((sum, { gmacs, ms }) => ({ gmacs: sum.gmacs + gmacs, ms: sum.ms + ms }), { gmacs: 0, ms: 0 });
}
