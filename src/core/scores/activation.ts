/** Softmax over `logits`, shifted by their maximum so that nothing overflows; sums to 1. */
export function softmax(logits: Float32Array | Float64Array): Float32Array<ArrayBuffer> {
  const { length } = logits;
  const exponentials = new Float64Array(length);
  const sum = exponentiate(logits, exponentials);
  const probabilities = new Float32Array(length);
  for (let i = 0; i < length; i++) probabilities[i] = (exponentials[i] as number) / sum;
  return probabilities;
}

/**
 * Fills `into` with the numerators of the softmax of as many logits: exp(x - max). Plain loops: this runs on the main thread
 * for every view of every answer.
 * @returns their sum, the denominator
 */
export function exponentiate(logits: Float32Array | Float64Array, into: Float64Array): number {
  const { length } = logits;
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < length; i++) {
    const logit = logits[i] as number;
    if (logit > max) max = logit;
  }
  let sum = 0;
  for (let i = 0; i < length; i++) {
    const exponential = Math.exp((logits[i] as number) - max);
    into[i] = exponential;
    sum += exponential;
  }
  return sum;
}
