import { MenagerieError } from './errors.js';

const MAX_DIMENSIONS = 8;

/**
 * Parses the shape of a tensor: `1x3x227x227`.
 * @throws MenagerieError `invalid_input_shape`
 */
export function parseShape(text: string): number[] {
  const sizes = text.split(/x/i);
  if (sizes.length > MAX_DIMENSIONS || sizes.some((size) => !/^[1-9]\d{0,6}$/.test(size))) {
    throw new MenagerieError('invalid_input_shape', `A shape must look like 1x3x224x224, not "${text.slice(0, 64)}".`);
  }
  return sizes.map(Number);
}

/** Number of elements of a tensor of this shape. */
export function countOf(dims: readonly number[]): number {
  return dims.reduce((product, size) => product * size, 1);
}
