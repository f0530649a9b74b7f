import { setImmediate as nextTurn } from 'node:timers/promises';
import { at, missing } from '../../core/at.js';
import { softmax } from '../../core/scores/activation.js';
import type { HeadWeights } from '../../onnx/cut/head-file.js';

/** Multiply-accumulates after which other work of this thread gets a turn: some milliseconds. */
const MACS_AT_ONCE = 1_000_000;

/**
 * The probabilities of pictures by a head.
 * @param features pictures x size
 * @returns pictures x classes
 */
export async function applyHead(
  { classes, weights, bias, hidden }: HeadWeights,
  features: Float32Array,
  size: number,
): Promise<Float32Array> {
  const pictures = features.length / size;
  const result = new Float32Array(pictures * classes);
  const atOnce = Math.max(1, Math.floor(MACS_AT_ONCE / (weights.length + (hidden?.weights.length ?? 0))));
  for (let picture = 0; picture < pictures; picture++) {
    if (picture > 0 && picture % atOnce === 0) await nextTurn();
    const own = features.subarray(picture * size, (picture + 1) * size);
    const inputs = hidden ? layer(own, hidden.weights, hidden.bias).map((value) => Math.max(0, value)) : own;
    result.set(softmax(layer(inputs, weights, bias)), picture * classes);
  }
  return result;
}

function layer(inputs: Float32Array, weights: Float32Array, bias: Float32Array): Float32Array {
  const width = inputs.length;
  return bias.map((start, row) => {
    let sum = start;
    for (let i = 0; i < width; i++) sum += (weights[row * width + i] ?? missing(i)) * at(inputs, i);
    return sum;
  });
}
