/** Softmax over `logits`, shifted by their maximum so that nothing overflows; sums to 1. */
export function softmax(logits: Float32Array): Float32Array<ArrayBuffer> {
  let max = Number.NEGATIVE_INFINITY;
  for (const logit of logits) if (logit > max) max = logit;
  const exponentials = Float64Array.from(logits, (logit) => Math.exp(logit - max));
  let sum = 0;
  for (const value of exponentials) sum += value;
  return Float32Array.from(exponentials, (value) => value / sum);
}
