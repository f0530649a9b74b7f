/*
 * Parts of libjpeg-turbo that are not linked, because no file that is decoded here needs them: other codings, precisions of more
 * than 8 bits, other scales, and what follows the inverse DCT, which is in kernels.c. A file that asks for one ends in a trap.
 */
#define JPEG_INTERNALS
#include "jinclude.h"
#include "jpeglib.h"
#include "jdct.h"
#include "jmemsys.h"

#define PART(name) void name(j_decompress_ptr cinfo) { __builtin_trap(); }
#define BUFFER(name) void name(j_decompress_ptr cinfo, boolean need_full_buffer) { __builtin_trap(); }
#define INVERSE_DCT(name) \
  void name(j_decompress_ptr cinfo, jpeg_component_info *compptr, JCOEFPTR coef_block, JSAMPARRAY output_buf, \
            JDIMENSION output_col) { \
    __builtin_trap(); \
  }

PART(jinit_phuff_decoder)
PART(jinit_lhuff_decoder)
PART(jinit_lossless_decompressor)
PART(j12init_lossless_decompressor)
PART(j16init_lossless_decompressor)
PART(j12init_inverse_dct)
PART(jinit_merged_upsampler)
PART(j12init_merged_upsampler)
PART(jinit_upsampler)
PART(j12init_upsampler)
PART(j16init_upsampler)
PART(jinit_color_deconverter)
PART(j12init_color_deconverter)
PART(j16init_color_deconverter)
PART(jinit_1pass_quantizer)
PART(j12init_1pass_quantizer)
PART(jinit_2pass_quantizer)
PART(j12init_2pass_quantizer)

BUFFER(jinit_d_diff_controller)
BUFFER(j12init_d_diff_controller)
BUFFER(j16init_d_diff_controller)
BUFFER(j12init_d_coef_controller)
BUFFER(jinit_d_main_controller)
BUFFER(j12init_d_main_controller)
BUFFER(j16init_d_main_controller)
BUFFER(jinit_d_post_controller)
BUFFER(j12init_d_post_controller)
BUFFER(j16init_d_post_controller)

INVERSE_DCT(jpeg_idct_1x1)
INVERSE_DCT(jpeg_idct_2x2)
INVERSE_DCT(jpeg_idct_3x3)
INVERSE_DCT(jpeg_idct_4x4)
INVERSE_DCT(jpeg_idct_5x5)
INVERSE_DCT(jpeg_idct_6x6)
INVERSE_DCT(jpeg_idct_7x7)
INVERSE_DCT(jpeg_idct_9x9)
INVERSE_DCT(jpeg_idct_10x10)
INVERSE_DCT(jpeg_idct_11x11)
INVERSE_DCT(jpeg_idct_12x12)
INVERSE_DCT(jpeg_idct_13x13)
INVERSE_DCT(jpeg_idct_14x14)
INVERSE_DCT(jpeg_idct_15x15)
INVERSE_DCT(jpeg_idct_16x16)
/* Of the usual scale; decode.c puts its own in their place. */
INVERSE_DCT(jpeg_idct_islow)
INVERSE_DCT(jpeg_idct_ifast)
INVERSE_DCT(jpeg_idct_float)

size_t jpeg_mem_available(j_common_ptr cinfo, size_t least, size_t most, size_t allocated) { __builtin_trap(); }
void jpeg_open_backing_store(j_common_ptr cinfo, backing_store_ptr info, long size) { __builtin_trap(); }
