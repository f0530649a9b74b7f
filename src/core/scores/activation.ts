import { missing } from '../at.js';

/** Softmax of `logits`, computed relative to their maximum so that nothing overflows. */
export function softmax(logits: Float32Array | Float64Array): Float32Array<ArrayBuffer> {
  const { length } = logits;
  const exponentials = new Float64Array(length);
  const sum = exponentiate(logits, exponentials);
  const probabilities = new Float32Array(length);
  for (let i = 0; i < length; i++) probabilities[i] = (exponentials[i] ?? missing(i)) / sum;
  return probabilities;
}

/**
 * Fills `into` with the numerators of the softmax, exp(x - max). Plain loops, because this runs on the main thread for every view
 * of every answer.
 * @param into of the same length as `logits`
 * @returns the sum of the numerators, which is the denominator
 */
export function exponentiate(logits: Float32Array | Float64Array, into: Float64Array): number {
  const { length } = logits;
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < length; i++) {
    const logit = logits[i] ?? missing(i);
    if (logit > max) max = logit;
  }
  let sum = 0;
  for (let i = 0; i < length; i++) {
    const exponential = Math.exp((logits[i] ?? missing(i)) - max);
    into[i] = exponential;
    sum += exponential;
  }
  return sum;
}
