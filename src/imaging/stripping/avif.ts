import type { Edit } from './splice.js';

/** Major brands by which libvips knows a file as one for libheif. */
const KNOWN = ['avif', 'mif1', 'msf1'];

/**
 * Makes `avif` the major brand of an AVIF that is one by its other brands: libvips takes no other. Of an animation (`avis`) the still
 * picture is then decoded, which is its first frame.
 */
export function avifEdits(bytes: Uint8Array): Edit[] {
  const brand = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1', 8, 12);
  return KNOWN.includes(brand) ? [] : [{ at: 8, end: 12, put: Buffer.from('avif') }];
}
