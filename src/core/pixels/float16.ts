// float16 as bits: Node 20 has no Float16Array. Format and rounding: IEEE 754-2019, sections 3.6 and 4.3.1.

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The bits of the float16 nearest to `value` as a float32; half-way cases go to the even one, and what is too large to infinity. */
export function toFloat16(value: number): number {
  float[0] = value;
  const [all = 0] = bits;
  const sign = (all >>> 16) & 0x8000;
  const magnitude = all & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  // Up to 2^-25, half of the smallest float16.
  if (magnitude <= 0x33000000) return sign;
  const exponent = magnitude >>> 23;
  // Below 2^-14 a float16 is a multiple of 2^-24.
  return exponent < 113
    ? sign | halved((magnitude & 0x7fffff) | 0x800000, 126 - exponent)
    : sign | halved(magnitude - 0x38000000, 13);
}

/** `value` without its last `count` bits, rounded to nearest, half to even. */
function halved(value: number, count: number): number {
  const kept = value >>> count;
  const rest = value & ((1 << count) - 1);
  const half = 1 << (count - 1);
  return rest > half || (rest === half && (kept & 1) === 1) ? kept + 1 : kept;
}

/** The number that the bits of a float16 stand for. */
export function fromFloat16(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return fraction > 0 ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
