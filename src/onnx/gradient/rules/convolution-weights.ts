import { at } from '../../../core/at.js';
import type { GraphWriter } from '../../file/graph-writer.js';
import { tensorAt } from './rule.js';
import type { SlidingWindow } from './window.js';

interface WeightGradient {
  x: string;
  dy: string;
  /** Of the weights: outputs, inputs per group, height, width. */
  dims: readonly number[];
  window: SlidingWindow;
  groups: number;
}

/**
 * The gradient by the weights of a convolution. Every weight sees the part of the picture that its tap (its place in the kernel)
 * slides over: the parts of all taps, channels last, are columns of one matrix product with the gradient by the outputs. With
 * ONNX Runtime that is faster than a convolution with batch and channels exchanged.
 */
export function weightGradient(graph: GraphWriter, { x, dy, dims, window, groups }: WeightGradient): string {
  const [outputs, inputs, height, width] = [at(dims, 0), at(dims, 1), at(dims, 2), at(dims, 3)];
  const taps = tapsOf(graph, x, window);
  if (inputs === 1 && outputs === groups) return depthwise(graph, taps, dy, dims);
  const columns = taps.length > 1 ? graph.add('Concat', taps, { axis: 3 }) : tensorAt(taps);
  const rows = graph.add('Transpose', [dy], { perm: [1, 0, 2, 3] });
  const reshape = (tensor: string, shape: readonly number[]) => graph.add('Reshape', [tensor, graph.integers(shape)]);
  const product =
    groups === 1
      ? graph.add('MatMul', [reshape(rows, [outputs, -1]), reshape(columns, [-1, taps.length * inputs])])
      : graph.add('MatMul', [
          reshape(rows, [groups, outputs / groups, -1]),
          reshape(
            graph.add('Transpose', [reshape(columns, [-1, taps.length, groups, inputs])], { perm: [2, 0, 1, 3] }),
            [groups, -1, taps.length * inputs],
          ),
        ]);
  if (taps.length === 1) return reshape(product, dims);
  return graph.add('Transpose', [reshape(product, [outputs, height, width, inputs])], { perm: [0, 3, 1, 2] });
}

/** One filter per channel: products, summed over batch, height and width, for each tap. */
function depthwise(graph: GraphWriter, taps: readonly string[], dy: string, dims: readonly number[]): string {
  const gradient = graph.add('Transpose', [dy], { perm: [0, 2, 3, 1] });
  const sums = taps.map((tap) => {
    const sum = graph.add('ReduceSum', [graph.add('Mul', [tap, gradient]), graph.integers([0, 1, 2])], { keepdims: 0 });
    return graph.add('Reshape', [sum, graph.integers([-1, 1])]);
  });
  return graph.add('Reshape', [graph.add('Concat', sums, { axis: 1 }), graph.integers(dims)]);
}

/** For every tap what it slides over: [batch, output height, output width, channels]. */
function tapsOf(graph: GraphWriter, x: string, window: SlidingWindow): string[] {
  const { kernel, strides, dilations, begins, ends, input, output } = window;
  const pads = [0, 0, ...begins, 0, 0, ...ends];
  const padded = pads.some((zeros) => zeros > 0) ? graph.add('Pad', [x, graph.integers(pads)]) : x;
  const last = graph.add('Transpose', [padded], { perm: [0, 2, 3, 1] });
  const steps = graph.integers(strides);
  const taps: string[] = [];
  for (let row = 0; row < at(kernel, 0); row++) {
    for (let column = 0; column < at(kernel, 1); column++) {
      const starts = [row * at(dilations, 0), column * at(dilations, 1)];
      const stops = starts.map((start, d) => start + (at(output, d) - 1) * at(strides, d) + 1);
      const whole = starts.every(
        (start, d) => start === 0 && at(stops, d) === at(input, d) + at(begins, d) + at(ends, d),
      );
      const slice = () =>
        graph.add('Slice', [last, graph.integers(starts), graph.integers(stops), graph.integers([1, 2]), steps]);
      taps.push(whole && strides.every((stride) => stride === 1) ? last : slice());
    }
  }
  return taps;
}
