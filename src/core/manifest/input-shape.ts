import { channelsOf } from './color-order.js';
import type { Manifest } from './manifest.js';

/** Shape of a network's input tensor for so many pictures. */
export function inputShape({ input, preprocess }: Pick<Manifest, 'input' | 'preprocess'>, rows: number): number[] {
  const channels = channelsOf(preprocess.color);
  return input.layout === 'NCHW'
    ? [rows, channels, input.height, input.width]
    : [rows, input.height, input.width, channels];
}
