/*
 * Decodes a clean baseline JPEG to RGB: libjpeg-turbo parses the file, scan.c decodes its Huffman codes, and kernels.c does the rest.
 *
 * Whatever is not as it should be ends in a trap or a 0, and the caller lets sharp decode the file: warnings, files that end early,
 * restart markers, sampling other than 4:2:0, 4:2:2 and 4:4:4, colour spaces other than YCbCr and grey, numbers that no picture has.
 */
#define JPEG_INTERNALS
#include "jinclude.h"
#include "jpeglib.h"
#include "jdct.h"

#include "kernels.h"
#include "memory.h"
#include "scan.h"

#define EXPORT(name) __attribute__((export_name(name)))
/* Below this width libjpeg repeats samples instead of interpolating. */
#define LEAST_WIDTH 16
#define MOST_ROWS (2 * DCTSIZE)

/* A component of the picture. */
typedef struct {
  /* The samples of the last two rows of MCUs. */
  JSAMPROW ring;
  int stride;
  /* Rows in the ring. */
  int rows;
  /* Size of the component. */
  int width, height;
  /* Whether there is a sample for every other pixel only, across and down. */
  int halved_across, halved_down;
  /* The columns of samples that are looked at. */
  int begin, end;
  /* For each column of its blocks the largest coefficient that the quantisation table allows. */
  int16_t largest[DCTSIZE];
  /* The current row of pixels, where it is not in the ring. */
  JSAMPROW row;
} plane;

static struct jpeg_decompress_struct cinfo;
static struct jpeg_error_mgr errors;
static struct jpeg_source_mgr source;
static unsigned char *file;
static plane planes[3];
static uint16_t *sums;
static JSAMPROW pixels;
/* The wanted part. */
static int left, top, right, bottom;
/* The next row that becomes pixels. */
static int next_row;

static void give_up(j_common_ptr info) { __builtin_trap(); }
static void on_message(j_common_ptr info, int level) {
  if (level < 0) __builtin_trap();
}
static void nothing(j_common_ptr info) {}
static void no_source(j_decompress_ptr info) {}
static void skip(j_decompress_ptr info, long count) {
  if (count < 0) return;
  if ((size_t)count > source.bytes_in_buffer) __builtin_trap();
  source.next_input_byte += count;
  source.bytes_in_buffer -= count;
}
static boolean at_end(j_decompress_ptr info) { __builtin_trap(); }

struct jpeg_error_mgr *jpeg_std_error(struct jpeg_error_mgr *manager) { return manager; }

/* What jmemmgr.c wants of the system. */
void *jpeg_get_small(j_common_ptr info, size_t size) { return take(size); }
void *jpeg_get_large(j_common_ptr info, size_t size) { return take(size); }
void jpeg_free_small(j_common_ptr info, void *object, size_t size) {}
void jpeg_free_large(j_common_ptr info, void *object, size_t size) {}
long jpeg_mem_init(j_common_ptr info) { return 0; }
void jpeg_mem_term(j_common_ptr info) {}

static int clamp(int value, int least, int most) { return value < least ? least : value > most ? most : value; }

/* Whether a row of MCUs holds rows that are looked at, their neighbours included. */
static boolean is_wanted(int mcu_row) {
  int rows = cinfo.max_v_samp_factor * DCTSIZE, begin = mcu_row * rows;
  return begin < bottom + 2 && begin + rows > top - 2;
}

static void inverse_dct(j_decompress_ptr info, jpeg_component_info *component, JCOEFPTR block, JSAMPARRAY out,
                        JDIMENSION column) {
  plane *to = &planes[component->component_index];
  if ((int)column >= to->end || (int)column + DCTSIZE <= to->begin || !is_wanted(cinfo.output_iMCU_row)) return;
  int16_t *multipliers = component->dct_table;
  if (places_in(block) == 0 ? !idct_of_dc(block[0], multipliers[0], out[0] + column, to->stride)
                            : !idct(block, multipliers, to->largest, out[0] + column, to->stride))
    __builtin_trap();
}

/* Whether components are sampled as 4:2:0, 4:2:2, 4:4:4, or are only one. */
static boolean is_usual(void) {
  if (cinfo.num_components == 1) return cinfo.jpeg_color_space == JCS_GRAYSCALE;
  if (cinfo.num_components != 3 || cinfo.jpeg_color_space != JCS_YCbCr) return FALSE;
  jpeg_component_info *c = cinfo.comp_info;
  for (int i = 1; i < 3; i++)
    if (c[i].h_samp_factor != 1 || c[i].v_samp_factor != 1) return FALSE;
  int across = c[0].h_samp_factor, down = c[0].v_samp_factor;
  return (across == 1 && down == 1) || (across == 2 && (down == 1 || down == 2));
}

static void prepare(plane *to, jpeg_component_info *component) {
  to->halved_across = component->h_samp_factor < cinfo.max_h_samp_factor;
  to->halved_down = component->v_samp_factor < cinfo.max_v_samp_factor;
  to->width = component->downsampled_width;
  to->height = component->downsampled_height;
  to->begin = clamp((left >> to->halved_across) - 1, 0, to->width);
  to->end = clamp((right >> to->halved_across) + 2, 0, to->width);
  to->stride = component->width_in_blocks * DCTSIZE + PADDING;
  to->rows = 2 * component->v_samp_factor * DCTSIZE;
  to->ring = take((size_t)to->rows * to->stride);
  if (to->halved_across) to->row = take(2 * to->width + PADDING);
  for (int column = 0; column < DCTSIZE; column++) {
    int most = 1;
    for (int i = column; i < DCTSIZE2; i += DCTSIZE)
      most = component->quant_table->quantval[i] > most ? component->quant_table->quantval[i] : most;
    to->largest[column] = 32767 / most;
  }
}

/* Begins anew. Returns where a file of that many bytes is to be put. */
EXPORT("room") unsigned char *room(size_t size) {
  begin_heap();
  file = take(size);
  return file;
}

/*
 * Opens the file in the room. The pixels in the box from (left_, top_) to before (right_, bottom_) are wanted.
 * Returns where `next` writes them; 0 if this is not a JPEG of width x height pixels that is decoded here.
 */
EXPORT("open") unsigned char *open_file(size_t size, int width, int height, int left_, int top_, int right_, int bottom_) {
  memset(&cinfo, 0, sizeof(cinfo));
  memset(&errors, 0, sizeof(errors));
  errors.error_exit = give_up;
  errors.emit_message = on_message;
  errors.output_message = nothing;
  errors.reset_error_mgr = nothing;
  cinfo.err = &errors;
  jpeg_create_decompress(&cinfo);
  source.next_input_byte = file;
  source.bytes_in_buffer = size;
  source.init_source = no_source;
  source.term_source = no_source;
  source.fill_input_buffer = at_end;
  source.skip_input_data = skip;
  source.resync_to_restart = jpeg_resync_to_restart;
  cinfo.src = &source;
  jpeg_read_header(&cinfo, TRUE);
  if ((int)cinfo.image_width != width || (int)cinfo.image_height != height || width < LEAST_WIDTH) return NULL;
  if (cinfo.progressive_mode || cinfo.arith_code || jpeg_has_multiple_scans(&cinfo)) return NULL;
  if (cinfo.restart_interval != 0 || !is_usual()) return NULL;
  left = clamp(left_, 0, width), right = clamp(right_, 0, width);
  top = clamp(top_, 0, height), bottom = clamp(bottom_, 0, height);
  if (left >= right || top >= bottom) return NULL;
  cinfo.raw_data_out = TRUE;
  cinfo.dct_method = JDCT_ISLOW;
  jpeg_start_decompress(&cinfo);
  open_scan(&cinfo);
  for (int i = 0; i < cinfo.num_components; i++) {
    prepare(&planes[i], &cinfo.comp_info[i]);
    cinfo.idct->inverse_DCT[i] = inverse_dct;
  }
  sums = take((width + PADDING) * sizeof(*sums));
  pixels = take((size_t)(MOST_ROWS + 1) * (right - left) * 3 + PADDING);
  next_row = 0;
  return pixels;
}

static JSAMPROW row_of(plane *from, int row) {
  return from->ring + clamp(row, 0, from->height - 1) % from->rows * from->stride;
}

/* The samples of a component for a row of pixels; valid where they are looked at. */
static JSAMPROW full_row(plane *from, int row) {
  if (!from->halved_across) return row_of(from, row);
  int begin = left >> 1, end = (right + 1) >> 1;
  if (from->halved_down) {
    int near = row >> 1, far = row & 1 ? near + 1 : near - 1;
    double_both(row_of(from, near), row_of(from, far), begin, end, from->width, sums, from->row);
  } else {
    double_across(row_of(from, row), begin, end, from->width, sums, from->row);
  }
  return from->row;
}

/*
 * Decodes rows of MCUs until some wanted rows are done.
 * Returns their number, at most 17; 0 when there are no more and the file ended as it should.
 */
EXPORT("next") int next(void) {
  int done = 0, height = cinfo.output_height;
  while (done == 0 && next_row < height) {
    JSAMPROW rows[3][MOST_ROWS];
    JSAMPARRAY components[3] = {rows[0], rows[1], rows[2]};
    int decoded = cinfo.output_scanline, down = cinfo.max_v_samp_factor;
    for (int i = 0; i < cinfo.num_components; i++)
      for (int k = 0; k < planes[i].rows / 2; k++)
        rows[i][k] = planes[i].ring + (decoded / (down * DCTSIZE) % 2 * (planes[i].rows / 2) + k) * planes[i].stride;
    if (jpeg_read_raw_data(&cinfo, components, down * DCTSIZE) == 0) __builtin_trap();
    decoded += down * DCTSIZE;
    /* The last row wants a row of samples that is still to come. */
    int ready = decoded >= height ? height : decoded - (down > 1);
    for (; next_row < ready; next_row++) {
      if (next_row < top || next_row >= bottom) continue;
      JSAMPROW out = pixels + done++ * (right - left) * 3;
      JSAMPROW y = row_of(&planes[0], next_row) + left;
      if (cinfo.num_components == 1) grey_to_rgb(y, right - left, out);
      else ycc_to_rgb(y, full_row(&planes[1], next_row) + left, full_row(&planes[2], next_row) + left, right - left, out);
    }
  }
  if (done == 0 && !jpeg_finish_decompress(&cinfo)) __builtin_trap();
  return done;
}
