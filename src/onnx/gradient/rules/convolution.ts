import { at } from '../../../core/at.js';
import type { GraphWriter } from '../../file/graph-writer.js';
import { weightGradient } from './convolution-weights.js';
import { numberOf, type Operation, operand, type Rule, tensorAt } from './rule.js';
import { isPlanar, reachOf, type SlidingWindow, transposedWindow, windowOf } from './window.js';

export const convolution: Rule = {
  obstacle(operation) {
    if (!isPlanar(operation)) return 'it does not work on pictures of height and width';
    return operation.inputs.slice(1).some((input) => input && !input.constant)
      ? 'its weights depend on the picture'
      : undefined;
  },
  forward(graph, operation) {
    const { kernel, strides, dilations, begins, ends } = windowOf(operation);
    const attributes = { kernel_shape: kernel, strides, dilations, pads: [...begins, ...ends] };
    const inputs = operation.inputs.map((input) => input?.tensor ?? '');
    return [graph.add('Conv', inputs, { ...attributes, group: numberOf(operation, 'group', 1) })];
  },
  backward(graph, operation, _outputs, gradients) {
    const dy = tensorAt(gradients);
    const [x, w] = [operand(operation, 0), operand(operation, 1)];
    const groups = numberOf(operation, 'group', 1);
    const window = windowOf(operation);
    return [
      dataGradient(graph, dy, operation, window, groups),
      weightGradient(graph, { x: x.tensor, dy, dims: w.dims, window, groups }),
      graph.add('ReduceSum', [dy, graph.integers([0, 2, 3])], { keepdims: 0 }),
    ];
  },
};

/** At stride 1 a convolution with the kernels turned round and their channels exchanged, else a transposed convolution. */
function dataGradient(
  graph: GraphWriter,
  dy: string,
  operation: Operation,
  window: SlidingWindow,
  group: number,
): string {
  const { tensor: weights, dims } = operand(operation, 1);
  const { kernel, strides, dilations, begins, input, output } = window;
  const before = begins.map((zeros, d) => reachOf(window, d) - zeros);
  const after = input.map((size, d) => size - at(output, d) + reachOf(window, d) - at(before, d));
  if (strides.some((stride) => stride > 1) || [...before, ...after].some((zeros) => zeros < 0)) {
    return graph.add('ConvTranspose', [dy, weights], { ...transposedWindow(window), group });
  }
  const attributes = { kernel_shape: kernel, dilations, pads: [...before, ...after], group };
  return graph.add('Conv', [dy, turned(graph, weights, dims, group)], attributes);
}

/** Kernels [outputs, inputs per group, h, w] turned by 180 degrees, as [inputs, outputs per group, h, w]. */
function turned(graph: GraphWriter, weights: string, dims: readonly number[], group: number): string {
  const [outputs, inputs, height, width] = [at(dims, 0), at(dims, 1), at(dims, 2), at(dims, 3)];
  const beforeFirst = -(2 ** 31);
  const [starts, ends] = [graph.integers([-1, -1]), graph.integers([beforeFirst, beforeFirst])];
  const flipped =
    height * width === 1 ? weights : graph.add('Slice', [weights, starts, ends, graph.integers([2, 3]), starts]);
  if (group === 1) return graph.add('Transpose', [flipped], { perm: [1, 0, 2, 3] });
  if (inputs === 1 && outputs === group) return flipped;
  const apart = graph.integers([group, outputs / group, inputs, height, width]);
  const exchanged = graph.add('Transpose', [graph.add('Reshape', [flipped, apart])], { perm: [0, 2, 1, 3, 4] });
  return graph.add('Reshape', [exchanged, graph.integers([group * inputs, outputs / group, height, width])]);
}
