#define JPEG_INTERNALS
#include "jinclude.h"
#include "jpeglib.h"

#include <stdint.h>
#include <wasm_simd128.h>

#include "memory.h"
#include "scan.h"

/* Codes of at most so many bits are looked up, with the bits of the coefficient where those fit in too. */
#define QUICK_BITS 10
#define LONGEST_CODE 16
/* The most that one coefficient takes: its code and as many bits as baseline files and a few more have. */
#define MOST_BITS (LONGEST_CODE + 15)
/* Bytes that a block may read beyond the end before that is noticed. */
#define BEYOND (DCTSIZE2 * MOST_BITS / 8 + 16)

/* A table of codes, and what to do at each start of the coming bits. */
typedef struct {
  /*
   * A coefficient: its value in the upper half (for DC the difference, which may be 0), then the zeros before it and the bits that both
   * take, a byte each. Where code and coefficient do not fit: 0, the symbol, and the bits of the code; or all 0 for a longer code.
   */
  uint32_t quick[1 << QUICK_BITS];
  /* For each length what is more than all codes, as 16 bits; and the index of the first symbol less the first code. */
  uint32_t limit[LONGEST_CODE + 1];
  int32_t offset[LONGEST_CODE + 1];
  const UINT8 *symbols;
} table;

static table *dc_tables[NUM_HUFF_TBLS], *ac_tables[NUM_HUFF_TBLS];
/* The bytes in reverse, so that the next ones come first in a number that is loaded: byte i is bytes_end[-1 - i]. */
static const uint8_t *bytes_end;
static const JOCTET *marker;
/* Bits in all, and read so far. */
static uint32_t total, position;
static uint32_t mcus_left;
static int last_dc[MAX_COMPS_IN_SCAN];
static JCOEFPTR first_block;
static uint8_t places[D_MAX_BLOCKS_IN_MCU];

static inline int extended(uint32_t bits, int size) {
  return bits >> (size - 1) ? (int)bits : (int)bits - (1 << size) + 1;
}

static uint32_t entry(int value, int zeros, int bits) { return (uint32_t)value << 16 | zeros << 8 | bits; }

static void fill(table *to, uint32_t start, int bits, uint32_t with) {
  uint32_t *at = to->quick + (start << (QUICK_BITS - bits)), *end = at + (1 << (QUICK_BITS - bits));
  while (at < end) *at++ = with;
}

/* jdhuff.c has checked that the lengths make a code. */
static table *build(const JHUFF_TBL *from, boolean is_dc) {
  table *to = take(sizeof(table));
  memset(to, 0, sizeof(table));
  to->symbols = from->huffval;
  uint32_t code = 0;
  int index = 0;
  for (int length = 1; length <= LONGEST_CODE; length++, code <<= 1) {
    to->offset[length] = index - (int)code;
    for (int i = from->bits[length]; i > 0; i--, code++, index++) {
      int symbol = from->huffval[index], size = symbol & 15, zeros = symbol >> 4;
      if (length > QUICK_BITS) continue;
      if (is_dc && size == 0) fill(to, code, length, entry(0, 0, length));
      else if (size == 0 || length + size > QUICK_BITS) fill(to, code, length, is_dc ? 0 : entry(0, symbol, length));
      else
        for (uint32_t bits = 0; bits < 1u << size; bits++)
          fill(to, code << size | bits, length + size, entry(extended(bits, size), zeros, length + size));
    }
    to->limit[length] = code << (LONGEST_CODE - length);
  }
  return to;
}

/* The symbol that begins in `window`, by its whole code. */
static int symbol_of(const table *from, uint64_t window, int *length) {
  uint32_t bits = window >> (64 - LONGEST_CODE);
  int n = 1;
  while (bits >= from->limit[n])
    if (++n > LONGEST_CODE) __builtin_trap();
  *length = n;
  return from->symbols[(int)(bits >> (LONGEST_CODE - n)) + from->offset[n]];
}

/* At least 57 bits from a position on. */
static inline uint64_t window_at(uint32_t at) {
  uint64_t bytes;
  __builtin_memcpy(&bytes, bytes_end - 8 - (at >> 3), 8);
  return bytes << (at & 7);
}

static inline int dc_difference(const table *from) {
  uint64_t window = window_at(position);
  uint32_t found = from->quick[window >> (64 - QUICK_BITS)];
  if (found) {
    position += found & 255;
    return (int32_t)found >> 16;
  }
  int length, size = symbol_of(from, window, &length);
  position += length + size;
  return size ? extended(window << length >> (64 - size), size) : 0;
}

/* Returns the OR of the places. */
static inline int ac_coefficients(const table *from, JCOEFPTR block) {
  uint64_t window = window_at(position);
  int seen = 0, used = 0;
  for (int k = 1; k < DCTSIZE2; k++) {
    if (used > 57 - MOST_BITS) {
      position += used;
      used = 0;
      window = window_at(position);
    }
    uint32_t found = from->quick[window >> (64 - QUICK_BITS)];
    int value = (int32_t)found >> 16, bits = found & 255, zeros = found >> 8 & 255;
    if (value == 0) {
      int symbol = zeros, size;
      if (bits == 0) symbol = symbol_of(from, window, &bits);
      size = symbol & 15;
      zeros = symbol >> 4;
      if (size == 0) {
        used += bits;
        window <<= bits;
        if (zeros != 15) break;
        k += 15;
        /* Coefficients beyond the last one: libjpeg ignores them without a warning. */
        if (k >= DCTSIZE2 - 1) __builtin_trap();
        continue;
      }
      value = extended(window << bits >> (64 - size), size);
      bits += size;
    }
    used += bits;
    window <<= bits;
    k += zeros;
    if (k >= DCTSIZE2) __builtin_trap();
    int place = jpeg_natural_order[k];
    block[place] = value;
    seen |= place;
  }
  position += used;
  return seen;
}

static boolean decode_mcu(j_decompress_ptr cinfo, JBLOCKROW *blocks) {
  first_block = blocks[0][0];
  for (int i = 0; i < cinfo->blocks_in_MCU; i++) {
    int component = cinfo->MCU_membership[i];
    jpeg_component_info *info = cinfo->cur_comp_info[component];
    JCOEFPTR block = blocks[i][0];
    block[0] = last_dc[component] += dc_difference(dc_tables[info->dc_tbl_no]);
    places[i] = ac_coefficients(ac_tables[info->ac_tbl_no], block);
    if (position > total) __builtin_trap();
  }
  if (--mcus_left == 0) {
    /* Less than a byte may be left, to fill the last one. */
    if (total - position > 7) __builtin_trap();
    cinfo->src->bytes_in_buffer -= marker - cinfo->src->next_input_byte;
    cinfo->src->next_input_byte = marker;
  }
  return TRUE;
}

/* Puts the bytes up to the next marker into `bytes_end`, in reverse and without the 0 after each FF. */
static void read_bytes(const JOCTET *from, size_t size) {
  const JOCTET *end = from + size;
  uint8_t *to = (uint8_t *)take(size + BEYOND) + size + BEYOND;
  bytes_end = to;
  for (;;) {
    while (end - from >= 16) {
      v128_t bytes = wasm_v128_load(from);
      if (wasm_v128_any_true(wasm_i8x16_eq(bytes, wasm_i8x16_splat(-1)))) break;
      to -= 16;
      wasm_v128_store(to, wasm_i8x16_shuffle(bytes, bytes, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
      from += 16;
    }
    while (from < end && *from != 0xFF) *--to = *from++;
    if (end - from < 2) __builtin_trap();
    if (from[1] != 0) break;
    *--to = 0xFF;
    from += 2;
  }
  marker = from;
  total = (bytes_end - to) * 8;
  memset(to - BEYOND, 0, BEYOND);
}

void open_scan(j_decompress_ptr cinfo) {
  for (int i = 0; i < cinfo->comps_in_scan; i++) {
    const jpeg_component_info *info = cinfo->cur_comp_info[i];
    dc_tables[info->dc_tbl_no] = build(cinfo->dc_huff_tbl_ptrs[info->dc_tbl_no], TRUE);
    ac_tables[info->ac_tbl_no] = build(cinfo->ac_huff_tbl_ptrs[info->ac_tbl_no], FALSE);
    last_dc[i] = 0;
  }
  read_bytes(cinfo->src->next_input_byte, cinfo->src->bytes_in_buffer);
  position = 0;
  mcus_left = cinfo->MCUs_per_row * cinfo->MCU_rows_in_scan;
  cinfo->entropy->decode_mcu = decode_mcu;
}

int places_in(JCOEFPTR block) { return places[(block - first_block) / DCTSIZE2]; }
