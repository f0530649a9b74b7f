import type { GraphWriter } from '../../file/graph-writer.js';
import { numberOf, type Operation, operand, type Rule, tensorAt } from './rule.js';

/** An activation function, from what it computes and its derivative. */
function activation(
  forward: (graph: GraphWriter, x: string, operation: Operation) => string,
  derivative: (graph: GraphWriter, dy: string, x: string, y: string, operation: Operation) => string,
): Rule {
  return {
    forward: (graph, operation) => [forward(graph, operand(operation, 0).tensor, operation)],
    backward: (graph, operation, outputs, gradients) => [
      derivative(graph, tensorAt(gradients), operand(operation, 0).tensor, tensorAt(outputs), operation),
    ],
  };
}

/** The gradient where values lie strictly between two bounds, else 0. */
function between(graph: GraphWriter, dy: string, values: string, low: number, high: number): string {
  const above = Number.isFinite(low) ? graph.add('Greater', [values, graph.number(low)]) : undefined;
  const below = Number.isFinite(high) ? graph.add('Less', [values, graph.number(high)]) : undefined;
  const inside = above && below ? graph.add('And', [above, below]) : (above ?? below);
  return inside ? graph.add('Where', [inside, dy, graph.number(0)]) : dy;
}

export const relu = activation(
  (graph, x) => graph.add('Relu', [x]),
  (graph, dy, _x, y) => between(graph, dy, y, 0, Number.POSITIVE_INFINITY),
);

export const leakyRelu = activation(
  (graph, x, operation) => graph.add('LeakyRelu', [x], { alpha: { float: slopeOf(operation) } }),
  (graph, dy, x, _y, operation) => {
    const lessened = graph.add('Mul', [dy, graph.number(slopeOf(operation))]);
    return graph.add('Where', [graph.add('Greater', [x, graph.number(0)]), dy, lessened]);
  },
);

/** The bounds are inputs from opset 11 on, attributes before. */
export const clip: Rule = {
  obstacle: ({ inputs }) =>
    inputs.slice(1).some((input) => input && !input.constant) ? 'its bounds depend on the picture' : undefined,
  ...activation(
    (graph, x, operation) => {
      const [low, high] = boundsOf(operation);
      const bound = (value: number) => (Number.isFinite(value) ? graph.number(value) : '');
      return graph.add('Clip', [x, bound(low), bound(high)]);
    },
    (graph, dy, _x, y, operation) => between(graph, dy, y, ...boundsOf(operation)),
  ),
};

export const sigmoid = activation(
  (graph, x) => graph.add('Sigmoid', [x]),
  (graph, dy, _x, y) => {
    const slope = graph.add('Mul', [y, graph.add('Sub', [graph.number(1), y])]);
    return graph.add('Mul', [dy, slope]);
  },
);

export const tanh = activation(
  (graph, x) => graph.add('Tanh', [x]),
  (graph, dy, _x, y) => graph.add('Mul', [dy, graph.add('Sub', [graph.number(1), graph.add('Mul', [y, y])])]),
);

/** max(0, min(1, alpha x + beta)). */
export const hardSigmoid = activation(
  (graph, x, operation) => {
    const { alpha, beta } = lineOf(operation);
    return graph.add('HardSigmoid', [x], { alpha: { float: alpha }, beta: { float: beta } });
  },
  (graph, dy, _x, y, operation) =>
    graph.add('Mul', [between(graph, dy, y, 0, 1), graph.number(lineOf(operation).alpha)]),
);

/** x max(0, min(1, x / 6 + 1 / 2)): its slope is 0 below -3, 1 above 3, and x / 3 + 1 / 2 between. */
export const hardSwish = activation(
  (graph, x) => graph.add('HardSwish', [x]),
  (graph, dy, x) => {
    const line = graph.add('Add', [graph.add('Div', [x, graph.number(3)]), graph.number(0.5)]);
    const below = graph.add('Where', [graph.add('Greater', [x, graph.number(-3)]), line, graph.number(0)]);
    return graph.add('Mul', [
      dy,
      graph.add('Where', [graph.add('Less', [x, graph.number(3)]), below, graph.number(1)]),
    ]);
  },
);

function slopeOf(operation: Operation): number {
  return numberOf(operation, 'alpha', 0.01);
}

function boundsOf(operation: Operation): [low: number, high: number] {
  const bound = (input: number, name: string, otherwise: number) =>
    operation.inputs[input]?.values?.[0] ?? numberOf(operation, name, otherwise);
  return [bound(1, 'min', Number.NEGATIVE_INFINITY), bound(2, 'max', Number.POSITIVE_INFINITY)];
}

function lineOf(operation: Operation): { alpha: number; beta: number } {
  return { alpha: numberOf(operation, 'alpha', 0.2), beta: numberOf(operation, 'beta', 0.5) };
}
