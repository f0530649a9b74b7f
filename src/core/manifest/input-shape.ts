import { channelsOf } from './color-order.js';
import type { Manifest } from './manifest.js';

/** Shape of a model's input tensor for a batch of `rows` views. */
export function inputShape({ input, preprocess }: Pick<Manifest, 'input' | 'preprocess'>, rows: number): number[] {
  const channels = channelsOf(preprocess.color);
  return input.layout === 'NCHW'
    ? [rows, channels, input.height, input.width]
    : [rows, input.height, input.width, channels];
}
