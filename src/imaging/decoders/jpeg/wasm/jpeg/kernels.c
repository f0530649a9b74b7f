/*
 * libjpeg-turbo's inverse DCT (jidctint.c), fancy upsampling (jdsample.c) and colour conversion (jdcolor.c), with SIMD instructions.
 * The results are equal to the last bit; formulas and constants are those of the C code and of its x86-64 SIMD code.
 *
 * Based on libjpeg (copyright (C) 1991-2020, Thomas G. Lane, Guido Vollbeding) and libjpeg-turbo (copyright (C) 2009, 2016, 2018-2024,
 * D. R. Commander): see README.ijg in this folder. Written anew by the menagerie authors.
 */
#include <stdint.h>
#include <wasm_simd128.h>

#include "kernels.h"

/* Fixed-point constants of jidctint.c, with 13 bits after the point. */
enum {
  F_0_298 = 2446,
  F_0_390 = 3196,
  F_0_541 = 4433,
  F_0_765 = 6270,
  F_0_899 = 7373,
  F_1_175 = 9633,
  F_1_501 = 12299,
  F_1_847 = 15137,
  F_1_961 = 16069,
  F_2_053 = 16819,
  F_2_562 = 20995,
  F_3_072 = 25172,
};
#define CONST_BITS 13
#define PASS1_BITS 2

/*
 * A column of the coefficients of 8-bit samples has absolute values that sum to at most 2896. Up to this bound no sum of two numbers
 * in the inverse DCT leaves 16 bits: a pass multiplies by at most sqrt(2), and the first leaves PASS1_BITS more.
 */
#define LARGEST_SUM 2896

#define PAIR(a, b) wasm_i16x8_make(a, b, a, b, a, b, a, b)
#define LOW(a, b) wasm_i16x8_shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define HIGH(a, b) wasm_i16x8_shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#define LOW32(a, b) wasm_i32x4_shuffle(a, b, 0, 4, 1, 5)
#define HIGH32(a, b) wasm_i32x4_shuffle(a, b, 2, 6, 3, 7)
#define LOW64(a, b) wasm_i64x2_shuffle(a, b, 0, 2)
#define HIGH64(a, b) wasm_i64x2_shuffle(a, b, 1, 3)

#define INLINE static inline __attribute__((always_inline))

/* Half of a pass over eight columns: `out` gets four numbers of each row, before they are narrowed. */
INLINE void half_pass(v128_t z26, v128_t t0, v128_t t1, v128_t z34, v128_t z71, v128_t z53, int bits, v128_t *out) {
  v128_t t3 = wasm_i32x4_dot_i16x8(z26, PAIR(F_0_541 + F_0_765, F_0_541));
  v128_t t2 = wasm_i32x4_dot_i16x8(z26, PAIR(F_0_541, F_0_541 - F_1_847));
  v128_t e0 = wasm_i32x4_add(t0, t3), e3 = wasm_i32x4_sub(t0, t3);
  v128_t e1 = wasm_i32x4_add(t1, t2), e2 = wasm_i32x4_sub(t1, t2);
  v128_t z3 = wasm_i32x4_dot_i16x8(z34, PAIR(F_1_175 - F_1_961, F_1_175));
  v128_t z4 = wasm_i32x4_dot_i16x8(z34, PAIR(F_1_175, F_1_175 - F_0_390));
  v128_t o0 = wasm_i32x4_add(wasm_i32x4_dot_i16x8(z71, PAIR(F_0_298 - F_0_899, -F_0_899)), z3);
  v128_t o3 = wasm_i32x4_add(wasm_i32x4_dot_i16x8(z71, PAIR(-F_0_899, F_1_501 - F_0_899)), z4);
  v128_t o1 = wasm_i32x4_add(wasm_i32x4_dot_i16x8(z53, PAIR(F_2_053 - F_2_562, -F_2_562)), z4);
  v128_t o2 = wasm_i32x4_add(wasm_i32x4_dot_i16x8(z53, PAIR(-F_2_562, F_3_072 - F_2_562)), z3);
  out[0] = wasm_i32x4_shr(wasm_i32x4_add(e0, o3), bits);
  out[7] = wasm_i32x4_shr(wasm_i32x4_sub(e0, o3), bits);
  out[1] = wasm_i32x4_shr(wasm_i32x4_add(e1, o2), bits);
  out[6] = wasm_i32x4_shr(wasm_i32x4_sub(e1, o2), bits);
  out[2] = wasm_i32x4_shr(wasm_i32x4_add(e2, o1), bits);
  out[5] = wasm_i32x4_shr(wasm_i32x4_sub(e2, o1), bits);
  out[3] = wasm_i32x4_shr(wasm_i32x4_add(e3, o0), bits);
  out[4] = wasm_i32x4_shr(wasm_i32x4_sub(e3, o0), bits);
}

/* One pass over eight columns, then their transposition. */
INLINE void pass(v128_t *rows, int bits) {
  v128_t rounding = wasm_i32x4_splat(1 << (bits - 1));
  v128_t sum = wasm_i16x8_add(rows[0], rows[4]), difference = wasm_i16x8_sub(rows[0], rows[4]);
  v128_t z3 = wasm_i16x8_add(rows[7], rows[3]), z4 = wasm_i16x8_add(rows[5], rows[1]);
  v128_t low[8], high[8];
#define SCALED(half, x) wasm_i32x4_add(wasm_i32x4_shl(wasm_i32x4_extend_##half##_i16x8(x), CONST_BITS), rounding)
  half_pass(LOW(rows[2], rows[6]), SCALED(low, sum), SCALED(low, difference), LOW(z3, z4), LOW(rows[7], rows[1]),
            LOW(rows[5], rows[3]), bits, low);
  half_pass(HIGH(rows[2], rows[6]), SCALED(high, sum), SCALED(high, difference), HIGH(z3, z4), HIGH(rows[7], rows[1]),
            HIGH(rows[5], rows[3]), bits, high);
#undef SCALED
  v128_t a[8], b[8];
  for (int i = 0; i < 8; i++) a[i] = wasm_i16x8_narrow_i32x4(low[i], high[i]);
  for (int i = 0; i < 4; i++) {
    b[2 * i] = LOW(a[2 * i], a[2 * i + 1]);
    b[2 * i + 1] = HIGH(a[2 * i], a[2 * i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    a[i] = LOW32(b[i], b[i + 2]);
    a[i + 1] = HIGH32(b[i], b[i + 2]);
    a[i + 2] = LOW32(b[i + 1], b[i + 3]);
    a[i + 3] = HIGH32(b[i + 1], b[i + 3]);
  }
  for (int i = 0; i < 4; i++) {
    rows[2 * i] = LOW64(a[i], a[i + 4]);
    rows[2 * i + 1] = HIGH64(a[i], a[i + 4]);
  }
}

int idct(const int16_t *coefficients, const int16_t *multipliers, const int16_t *largest, uint8_t *out, int stride) {
  v128_t rows[8];
  v128_t bits = wasm_i16x8_splat(0), total = bits;
  for (int i = 0; i < 8; i++) {
    v128_t row = wasm_v128_load(coefficients + 8 * i);
    bits = wasm_v128_or(bits, wasm_i16x8_abs(row));
    rows[i] = wasm_i16x8_mul(row, wasm_v128_load(multipliers + 8 * i));
    total = wasm_u16x8_add_sat(total, wasm_i16x8_abs(rows[i]));
  }
  v128_t bad = wasm_u16x8_gt(total, wasm_u16x8_splat(LARGEST_SUM));
  bad = wasm_v128_or(bad, wasm_u16x8_gt(bits, wasm_v128_load(largest)));
  pass(rows, CONST_BITS - PASS1_BITS);
  pass(rows, CONST_BITS + PASS1_BITS + 3);
  for (int i = 0; i < 8; i += 2) {
    v128_t samples = wasm_v128_xor(wasm_i8x16_narrow_i16x8(rows[i], rows[i + 1]), wasm_u8x16_splat(128));
    wasm_v128_store64_lane(out + i * stride, samples, 0);
    wasm_v128_store64_lane(out + (i + 1) * stride, samples, 1);
  }
  return !wasm_v128_any_true(bad);
}

int idct_of_dc(int coefficient, int multiplier, uint8_t *out, int stride) {
  int value = coefficient * multiplier;
  if (value < -LARGEST_SUM || value > LARGEST_SUM) return 0;
  int sample = ((value + 4) >> 3) + 128;
  uint64_t row = (sample < 0 ? 0 : sample > 255 ? 255 : sample) * 0x0101010101010101;
  for (int i = 0; i < 8; i++) __builtin_memcpy(out + i * stride, &row, 8);
  return 1;
}

/* Writes sums[begin - 1] to sums[end], the outermost ones as their neighbours where there is no sample. */
INLINE void repeat_ends(uint16_t *sums, int width) {
  sums[-1] = sums[0];
  sums[width] = sums[width - 1];
}

/* Two samples for each sum: 3/4 of it and 1/4 of its neighbour, with the rounding of the sample to the left and to the right. */
INLINE void interpolate(const uint16_t *sums, int begin, int end, int left, int right, int bits, uint8_t *out) {
  for (int i = begin; i < end; i += 8) {
    v128_t three = wasm_i16x8_mul(wasm_v128_load(sums + i), wasm_i16x8_splat(3));
    v128_t before = wasm_i16x8_add(wasm_v128_load(sums + i - 1), wasm_i16x8_splat(left));
    v128_t after = wasm_i16x8_add(wasm_v128_load(sums + i + 1), wasm_i16x8_splat(right));
    v128_t even = wasm_u16x8_shr(wasm_i16x8_add(three, before), bits);
    v128_t odd = wasm_u16x8_shr(wasm_i16x8_add(three, after), bits);
    wasm_v128_store(out + 2 * i, wasm_v128_or(even, wasm_i16x8_shl(odd, 8)));
  }
}

void double_across(const uint8_t *row, int begin, int end, int width, uint16_t *sums, uint8_t *out) {
  sums += 8;
  for (int i = (begin ? begin - 1 : 0); i <= end; i += 8) wasm_v128_store(sums + i, wasm_u16x8_load8x8(row + i));
  repeat_ends(sums, width);
  interpolate(sums, begin, end, 1, 2, 2, out);
}

void double_both(const uint8_t *near, const uint8_t *far, int begin, int end, int width, uint16_t *sums, uint8_t *out) {
  sums += 8;
  for (int i = (begin ? begin - 1 : 0); i <= end; i += 8) {
    v128_t three = wasm_i16x8_mul(wasm_u16x8_load8x8(near + i), wasm_i16x8_splat(3));
    wasm_v128_store(sums + i, wasm_i16x8_add(three, wasm_u16x8_load8x8(far + i)));
  }
  repeat_ends(sums, width);
  interpolate(sums, begin, end, 8, 7, 4, out);
}

/* Three times 16 bytes as 48, one of each in turn. */
INLINE void store_pixels(v128_t r, v128_t g, v128_t b, uint8_t *out) {
  v128_t rg = wasm_i8x16_shuffle(r, g, 0, 16, 0, 1, 17, 0, 2, 18, 0, 3, 19, 0, 4, 20, 0, 5);
  wasm_v128_store(out, wasm_i8x16_shuffle(rg, b, 0, 1, 16, 3, 4, 17, 6, 7, 18, 9, 10, 19, 12, 13, 20, 15));
  rg = wasm_i8x16_shuffle(r, g, 21, 0, 6, 22, 0, 7, 23, 0, 8, 24, 0, 9, 25, 0, 10, 26);
  wasm_v128_store(out + 16, wasm_i8x16_shuffle(rg, b, 0, 21, 2, 3, 22, 5, 6, 23, 8, 9, 24, 11, 12, 25, 14, 15));
  rg = wasm_i8x16_shuffle(r, g, 0, 11, 27, 0, 12, 28, 0, 13, 29, 0, 14, 30, 0, 15, 31, 0);
  wasm_v128_store(out + 32, wasm_i8x16_shuffle(rg, b, 26, 1, 2, 27, 4, 5, 28, 7, 8, 29, 10, 11, 30, 13, 14, 31));
}

/* Eight pixels. `y` is widened; `cb` and `cr` are too, less 128. */
INLINE void rgb_of(v128_t y, v128_t cb, v128_t cr, v128_t *r, v128_t *g, v128_t *b) {
  /* (x * 26345 + 2^15) >> 16, and for blue * -14942: as exact with 15 bits, for every x of 8 bits (tried). */
  v128_t red = wasm_i16x8_add(wasm_i16x8_q15mulr_sat(cr, wasm_i16x8_splat(13174)), cr);
  v128_t blue = wasm_i16x8_add(wasm_i16x8_q15mulr_sat(cb, wasm_i16x8_splat(-7471)), wasm_i16x8_shl(cb, 1));
  /* -0.34414 cb - 0.71414 cr, as -0.34414 cb + 0.28586 cr - cr, so that the factors have 16 bits. */
  v128_t factors = PAIR(-22554, 65536 - 46802), half = wasm_i32x4_splat(1 << 15);
  v128_t low = wasm_i32x4_shr(wasm_i32x4_add(wasm_i32x4_dot_i16x8(LOW(cb, cr), factors), half), 16);
  v128_t high = wasm_i32x4_shr(wasm_i32x4_add(wasm_i32x4_dot_i16x8(HIGH(cb, cr), factors), half), 16);
  *r = wasm_i16x8_add(y, red);
  *g = wasm_i16x8_add(y, wasm_i16x8_sub(wasm_i16x8_narrow_i32x4(low, high), cr));
  *b = wasm_i16x8_add(y, blue);
}

INLINE v128_t centred(const uint8_t *samples) {
  return wasm_i16x8_sub(wasm_u16x8_load8x8(samples), wasm_i16x8_splat(128));
}

void ycc_to_rgb(const uint8_t *y, const uint8_t *cb, const uint8_t *cr, int count, uint8_t *out) {
  for (int i = 0; i < count; i += 16, out += 48) {
    v128_t r[2], g[2], b[2];
    for (int half = 0; half < 2; half++) {
      int at = i + 8 * half;
      rgb_of(wasm_u16x8_load8x8(y + at), centred(cb + at), centred(cr + at), r + half, g + half, b + half);
    }
    store_pixels(wasm_u8x16_narrow_i16x8(r[0], r[1]), wasm_u8x16_narrow_i16x8(g[0], g[1]),
                 wasm_u8x16_narrow_i16x8(b[0], b[1]), out);
  }
}

void grey_to_rgb(const uint8_t *y, int count, uint8_t *out) {
  for (int i = 0; i < count; i += 16, out += 48) {
    v128_t samples = wasm_v128_load(y + i);
    store_pixels(samples, samples, samples, out);
  }
}
