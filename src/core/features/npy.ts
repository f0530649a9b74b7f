import { MenagerieError } from '../errors.js';
import { countOf } from '../shape.js';

// numpy's file format for one array (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html): a header in text, then the
// values. Only little-endian float32 in row order is written and read.

/** What the header of a file says. */
export interface NpyHeader {
  /** Sizes of the dimensions, the rows first. */
  shape: number[];
  /** Bytes before the first value. */
  offset: number;
}

const MAGIC = '\x93NUMPY';
/** The header ends at a multiple of this many bytes. */
const ALIGNMENT = 64;
/** numpy leaves room for a number of rows of so many digits, so that rows can be appended in place. */
const GROWTH_DIGITS = 21;
/** Bytes of the longest header that is read: more than any array of numbers needs. */
export const MOST_NPY_HEADER_BYTES = 1024;
const DICTIONARY =
  /^\{'descr': '([^']{1,16})', 'fortran_order': (True|False), 'shape': \((\d{1,15}(?:, ?\d{1,15}){0,31},?)\), ?\} *\n$/;

/**
 * The header of a float32 array, the same bytes as numpy 2 writes. Its length does not depend on the number of rows below 10^20.
 * @param shape sizes of the dimensions, the rows first
 */
export function npyHeader(shape: readonly number[]): Uint8Array<ArrayBuffer> {
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const growth = ' '.repeat(GROWTH_DIGITS - String(shape[0]).length);
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${sizes}), }${growth}`;
  const before = MAGIC.length + 4;
  const length = text.length + 1;
  // A whole unit where nothing is missing, as numpy does.
  const padding = ALIGNMENT - ((before + length) % ALIGNMENT);
  const all = length + padding;
  const version = String.fromCharCode(1, 0, all & 255, all >> 8);
  return Uint8Array.from(`${MAGIC}${version}${text}${' '.repeat(padding)}\n`, (c) => c.charCodeAt(0));
}

/**
 * Reads a header.
 * @param head the first MOST_NPY_HEADER_BYTES of the file, or all of a shorter one
 * @throws MenagerieError `invalid_data` saying what of the file is not read
 */
export function parseNpyHeader(head: Uint8Array): NpyHeader {
  const latin1 = (from: number, to: number) => String.fromCharCode(...head.subarray(from, to));
  if (latin1(0, MAGIC.length) !== MAGIC) throw unread('it is not a .npy file');
  const [major = 0, minor, low = 0, high = 0, third, fourth] = head.subarray(MAGIC.length);
  // Version 2 has a longer field for the length.
  const wide = major === 2;
  if ((major !== 1 && !wide) || minor !== 0)
    throw unread(`its format is version ${major}.${minor}; 1.0 and 2.0 are read`);
  const start = MAGIC.length + (wide ? 6 : 4);
  const offset = start + low + 256 * high;
  if (offset > head.length || (wide && (third !== 0 || fourth !== 0)))
    throw unread('its header is too long or cut off');
  const [, type, fortran, sizes = ''] = DICTIONARY.exec(latin1(start, offset)) ?? [];
  if (type === undefined) throw unread('its header is not that of an array of numbers');
  if (type !== '<f4') throw unread(`its values are of type ${type}; little-endian float32 (<f4) is read`);
  if (fortran === 'True') throw unread('its values are stored column by column (fortran_order)');
  const shape = sizes
    .split(',')
    .filter((size) => size.trim() !== '')
    .map(Number);
  if (!Number.isSafeInteger(4 * countOf(shape))) throw unread('its shape is impossible');
  return { shape, offset };
}

function unread(why: string): MenagerieError {
  return new MenagerieError('invalid_data', `The file cannot be read: ${why}.`);
}
