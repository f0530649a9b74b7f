/** The arrays one after the other; a single one is given back as it is. */
export function concatenated(parts: readonly Float32Array[]): Float32Array {
  const [only, another] = parts;
  if (only && !another) return only;
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
