/*
 * Decodes the Huffman codes of a baseline scan, in place of jdhuff.c: a code and the bits of its coefficient are looked up together, and
 * the bytes lie ready without what is stuffed between them. There may be no restart markers.
 *
 * Needs jpeglib.h before it.
 */

/* Takes over the scan that `cinfo` has just begun. Traps if it does not end in a marker. */
void open_scan(j_decompress_ptr cinfo);

/* The OR of the places of the coefficients, but the first, that a block of the current MCU has; at most 63. */
int places_in(JCOEFPTR block);
