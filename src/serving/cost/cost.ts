import type { Pieces } from '../../core/byte-source.js';
import type { DecodeCost } from '../../core/decode-cost.js';

/** What work costs. */
export interface Cost {
  /** Billions of multiply-accumulates. */
  gmacs: number;
  /** Milliseconds that workers are expected to spend on it, all together. */
  ms: number;
}

/**
 * Cost of decoding and rendering an ordinary picture, in GMAC: what a core does in the milliseconds that this takes. It is most of
 * the cost for the smallest networks. No picture costs less.
 */
export const READING_GMACS = 0.5;

/** Says what decoding a file will take; undefined for what is no picture of a known format. */
export type CostOfDecoding = (file: Pieces) => DecodeCost | undefined;

/** Weight of the last picture in what is expected of the next. */
const SMOOTHING = 0.1;
/** One picture counts as at most so many times as slow, or as quick, as was expected: a machine may stand still for a moment. */
const MOST_SURPRISING = 4;

/** A moving average that single outliers move little. */
export function smoothed(expected: number, observed: number): number {
  const counted = Math.min(expected * MOST_SURPRISING, Math.max(expected / MOST_SURPRISING, observed));
  return expected + SMOOTHING * (counted - expected);
}

/** How fast pictures are decoded and rendered here, learned from those that were, failed ones too. */
export class ReadingSpeed {
  /** Moving average. */
  #msPerGmac = 16;

  /** Cost of a picture, by default of an ordinary one. */
  costOf(gmacs = READING_GMACS): Cost {
    return { gmacs, ms: this.#msPerGmac * gmacs };
  }

  observe(ms: number, gmacs: number): void {
    this.#msPerGmac = smoothed(this.#msPerGmac, ms / gmacs);
  }
}

/** The sum of some costs. */
export function sumOf(costs: readonly Cost[]): Cost {
  return costs.reduce((sum, { gmacs, ms }) => ({ gmacs: sum.gmacs + gmacs, ms: sum.ms + ms }), { gmacs: 0, ms: 0 });
}
