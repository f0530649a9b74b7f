/** Joins arrays. A single array is returned as it is, not copied. */
export function concatenated(parts: readonly Float32Array[]): Float32Array {
  const [only, another] = parts;
  if (only && !another) return only;
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
