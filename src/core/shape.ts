import { channelsOf } from './color.js';
import { MenagerieError } from './errors.js';
import type { Manifest } from './manifest.js';

const MAX_DIMENSIONS = 8;

/**
 * Reads the shape of a tensor: `1x3x227x227`.
 * @throws MenagerieError `invalid_input_shape`
 */
export function parseShape(text: string): number[] {
  const sizes = text.split(/x/i);
  if (sizes.length > MAX_DIMENSIONS || sizes.some((size) => !/^[1-9]\d{0,6}$/.test(size))) {
    throw new MenagerieError('invalid_input_shape', `A shape is written like 1x3x224x224, not "${text.slice(0, 64)}".`);
  }
  return sizes.map(Number);
}

/** Number of values of a tensor. */
export function countOf(dims: readonly number[]): number {
  return dims.reduce((product, size) => product * size, 1);
}

/** Shape of a network's input tensor for so many pictures. */
export function inputShape({ input, preprocess }: Pick<Manifest, 'input' | 'preprocess'>, rows: number): number[] {
  const channels = channelsOf(preprocess.color);
  return input.layout === 'NCHW'
    ? [rows, channels, input.height, input.width]
    : [rows, input.height, input.width, channels];
}
