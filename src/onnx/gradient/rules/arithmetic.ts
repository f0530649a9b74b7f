import type { GraphWriter } from '../../file/graph-writer.js';
import { type Operand, type Operation, operand, outputDims, type Rule, tensorAt } from './rule.js';

/**
 * Sums a gradient over the dimensions along which an operand was repeated (ONNX's multidirectional broadcasting).
 * @param from dimensions of the gradient for one picture
 */
export function sumTo(graph: GraphWriter, gradient: string, from: readonly number[], to: Operand): string {
  const added = from.length - to.dims.length;
  // A constant is the same for all pictures.
  const repeated = from.flatMap((size, d) => {
    const own = to.dims[d - added] ?? 1;
    return (own === 1 && size > 1) || (d === 0 && to.constant) ? [d] : [];
  });
  if (repeated.length === 0) return gradient;
  const sum = graph.add('ReduceSum', [gradient, graph.integers(repeated)], { keepdims: 1 });
  const dims = to.constant ? [...to.dims] : [0, ...to.dims.slice(1)];
  return graph.add('Reshape', [sum, graph.integers(dims)]);
}

/** An operator that works value by value on operands of shapes that are made equal. */
function elementwise(
  operator: string,
  gradientOf: (graph: GraphWriter, dy: string, operation: Operation, index: number) => string,
  obstacle?: Rule['obstacle'],
): Rule {
  return {
    obstacle(operation) {
      const ranks = operation.inputs.filter((input) => input && !input.constant).map((input) => input?.dims.length);
      const rank = outputDims(operation).length;
      if (ranks.some((own) => own !== rank)) return 'its inputs have different numbers of dimensions';
      return obstacle?.(operation);
    },
    forward: (graph, operation) => [
      graph.add(
        operator,
        operation.inputs.map((input) => input?.tensor ?? ''),
      ),
    ],
    backward: (graph, operation, _outputs, gradients) =>
      operation.inputs.map((input, i) => {
        if (!input) return undefined;
        const gradient = gradientOf(graph, tensorAt(gradients), operation, i);
        return sumTo(graph, gradient, outputDims(operation), input);
      }),
  };
}

const passOn = (_graph: GraphWriter, dy: string) => dy;

export const addition = elementwise('Add', passOn);
export const sumOfSeveral = elementwise('Sum', passOn);
export const subtraction = elementwise('Sub', (graph, dy, _operation, index) =>
  index === 0 ? dy : graph.add('Neg', [dy]),
);
export const multiplication = elementwise('Mul', (graph, dy, operation, index) =>
  graph.add('Mul', [dy, operand(operation, 1 - index).tensor]),
);
export const division = elementwise(
  'Div',
  (graph, dy, operation) => graph.add('Div', [dy, operand(operation, 1).tensor]),
  ({ inputs }) => (inputs[1]?.constant ? undefined : 'its divisor depends on the picture'),
);
