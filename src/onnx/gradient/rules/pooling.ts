import { at } from '../../../core/at.js';
import { countOf } from '../../../core/shape.js';
import type { GraphWriter } from '../../file/graph-writer.js';
import {
  axisOf,
  forBatch,
  integersOr,
  numberOf,
  type Operation,
  operand,
  outputDims,
  type Rule,
  tensorAt,
} from './rule.js';
import { isPlanar, reachOf, type SlidingWindow, transposedWindow, windowOf } from './window.js';

const planar: Rule['obstacle'] = (operation) =>
  isPlanar(operation) ? undefined : 'it does not work on pictures of height and width';

/** Attributes of the same pooling in the version that is written. */
function poolAttributes(operation: Operation) {
  const { kernel, strides, dilations, begins, ends } = windowOf(operation);
  const ceil_mode = numberOf(operation, 'ceil_mode', 0);
  return { kernel_shape: kernel, strides, dilations, pads: [...begins, ...ends], ceil_mode };
}

/** The gradient goes to the largest value of every window: the second output says where it is in the whole input. */
export const maxPool: Rule = {
  obstacle: planar,
  forward: (graph, operation) =>
    graph.addWithOutputs('MaxPool', [operand(operation, 0).tensor], poolAttributes(operation), 2),
  backward(graph, operation, outputs, gradients) {
    const x = operand(operation, 0).tensor;
    const flat = (tensor: string) => graph.add('Reshape', [tensor, graph.integers([-1])]);
    const zeros = graph.add('ConstantOfShape', [flat(graph.add('Size', [x]))]);
    const updates = [flat(tensorAt(outputs, 1)), flat(tensorAt(gradients))];
    const scattered = graph.add('ScatterElements', [zeros, ...updates], { axis: 0, reduction: 'add' });
    return [graph.add('Reshape', [scattered, graph.add('Shape', [x])])];
  },
};

/** Every value of a window gets the same share of its gradient. */
export const averagePool: Rule = {
  obstacle: planar,
  forward: (graph, operation) => [average(graph, operand(operation, 0).tensor, operation)],
  backward(graph, operation, _outputs, gradients) {
    const window = windowOf(operation);
    const [channels, ...size] = operand(operation, 0).dims.slice(1);
    const [, ...outputSize] = outputDims(operation).slice(1);
    const shares = graph.add('Mul', [tensorAt(gradients), shareOf(graph, operation, window)]);
    // Channels are treated as pictures, so that one window serves all of them.
    const single = graph.add('Reshape', [shares, graph.integers([-1, 1, ...outputSize])]);
    const ones = graph.floats(new Float32Array(countOf(window.kernel)).fill(1), [1, 1, ...window.kernel]);
    const spread = graph.add('ConvTranspose', [single, ones], transposedWindow(window));
    return [graph.add('Reshape', [spread, graph.integers([-1, channels ?? 1, ...size])])];
  },
};

function average(graph: GraphWriter, x: string, operation: Operation): string {
  const count_include_pad = numberOf(operation, 'count_include_pad', 0);
  return graph.add('AveragePool', [x], { ...poolAttributes(operation), count_include_pad });
}

/**
 * What one value of the input counts in the average at each position: the average of ones, divided by the number of ones. So the
 * runtime decides what it divides by at the edges.
 */
function shareOf(graph: GraphWriter, operation: Operation, window: SlidingWindow): string {
  const { input, output } = window;
  const inside = output.map((length, d) => Array.from({ length }, (_, position) => tapsInside(window, d, position)));
  const counts = (inside[0] ?? []).flatMap((rows) => (inside[1] ?? []).map((columns) => rows * columns));
  const ones = graph.floats(new Float32Array(countOf(input)).fill(1), [1, 1, ...input]);
  const divisors = graph.floats(Float32Array.from(counts), [1, 1, ...output]);
  return graph.add('Div', [average(graph, ones, operation), divisors]);
}

/** The number of values of a window that lie inside the picture, along a dimension. */
function tapsInside(window: SlidingWindow, d: number, position: number): number {
  const first = position * at(window.strides, d) - at(window.begins, d);
  let count = 0;
  for (let offset = 0; offset <= reachOf(window, d); offset += at(window.dilations, d)) {
    if (first + offset >= 0 && first + offset < at(window.input, d)) count++;
  }
  return count;
}

/** The mean over some dimensions. The axes are an input from opset 18 on, an attribute before. */
export const reduceMean: Rule = {
  obstacle: (operation) => {
    const unknown = operation.inputs[1] && !operation.inputs[1].values;
    return !unknown && axesOf(operation).includes(0) ? 'it averages over the pictures of a batch' : undefined;
  },
  forward: (graph, operation) => [mean(graph, operation, axesOf(operation))],
  backward: (graph, operation, _outputs, gradients) => [spread(graph, operation, axesOf(operation), gradients)],
};

export const globalAveragePool: Rule = {
  forward: (graph, operation) => [mean(graph, operation, spatialAxes(operation))],
  backward: (graph, operation, _outputs, gradients) => [spread(graph, operation, spatialAxes(operation), gradients)],
};

function mean(graph: GraphWriter, operation: Operation, axes: readonly number[]): string {
  const { tensor } = operand(operation, 0);
  const average = graph.add('ReduceMean', [tensor, graph.integers(axes)], { keepdims: 1 });
  return graph.add('Reshape', [average, graph.integers(forBatch(outputDims(operation)))]);
}

function spread(
  graph: GraphWriter,
  operation: Operation,
  axes: readonly number[],
  gradients: readonly (string | undefined)[],
): string {
  const { tensor, dims } = operand(operation, 0);
  const kept = dims.map((size, d) => (axes.includes(d) ? 1 : size));
  const dy = graph.add('Reshape', [tensorAt(gradients), graph.integers(forBatch(kept))]);
  const count = countOf(axes.map((d) => at(dims, d)));
  return graph.add('Expand', [graph.add('Div', [dy, graph.number(count)]), graph.add('Shape', [tensor])]);
}

function axesOf(operation: Operation): number[] {
  const { dims } = operand(operation, 0);
  const all = operation.attributes.noop_with_empty_axes === 1 ? [] : dims.map((_, d) => d);
  return integersOr(operation, 'axes', 1)?.map((axis) => axisOf(axis, dims.length)) ?? all;
}

function spatialAxes(operation: Operation): number[] {
  return operand(operation, 0)
    .dims.map((_, d) => d)
    .slice(2);
}
