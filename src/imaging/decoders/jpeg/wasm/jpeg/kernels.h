#include <stdint.h>

/* Bytes that the kernels may read or write beyond the last sample of a row. */
#define PADDING 64

/*
 * Dequantises a block of 8 x 8 coefficients and writes its samples, `stride` bytes from row to row.
 * @param largest for each column the largest multiplier
 * Returns whether no number was so large that implementations of the inverse DCT might differ.
 */
int idct(const int16_t *coefficients, const int16_t *multipliers, const int16_t *largest, uint8_t *out, int stride);

/* The same for a block that has only its first coefficient. */
int idct_of_dc(int coefficient, int multiplier, uint8_t *out, int stride);

/*
 * Doubles a row of `width` samples, from the sample `begin` to before `end`, by libjpeg's triangle filter ("fancy upsampling").
 * `sums` is room for width + PADDING numbers.
 */
void double_across(const uint8_t *row, int begin, int end, int width, uint16_t *sums, uint8_t *out);

/* The same in both directions: `near` is the row of samples that the new row lies in, `far` the next nearest. */
void double_both(const uint8_t *near, const uint8_t *far, int begin, int end, int width, uint16_t *sums, uint8_t *out);

/* Writes `count` pixels as RGB. */
void ycc_to_rgb(const uint8_t *y, const uint8_t *cb, const uint8_t *cr, int count, uint8_t *out);
void grey_to_rgb(const uint8_t *y, int count, uint8_t *out);
