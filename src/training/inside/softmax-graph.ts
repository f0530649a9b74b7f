import { GraphWriter } from '../../onnx/file/graph-writer.js';

// Softmax regression as an ONNX graph that computes its own gradient.

/** Outputs of the graph. Gradients are named after the weights. */
export const [ROW_LOSS, PROBABILITIES] = ['row_loss', 'probabilities'] as const;
/** Inputs with the weights of the layers. */
export const [OUTPUT_WEIGHTS, OUTPUT_BIAS, HIDDEN_WEIGHTS, HIDDEN_BIAS] = [
  'output.weight',
  'output.bias',
  'hidden.weight',
  'hidden.bias',
] as const;

/** Name of the gradient of a weight. */
export function gradientOf<Name extends string>(weight: Name): `gradient/${Name}` {
  return `gradient/${weight}`;
}

/**
 * The graph of a softmax regression on rows, with or without a hidden layer of rectified linear units.
 *
 * Inputs: `rows` [N, size], `targets` [N, classes] (each row sums to 1), `row_weights` [N, 1], and the weights: `output.weight`
 * [classes, units or size], `output.bias`, `hidden.weight` [units, size], `hidden.bias`.
 * Outputs: `probabilities` [N, classes], `row_loss` [N] (cross-entropy, not weighted), and the gradients of the sum over rows of
 * row_weights x row_loss.
 * @returns an ONNX file
 */
export function softmaxGraph(hasHidden: boolean): Uint8Array {
  const graph = new GraphWriter();
  const [sumOfRow, sumOfColumn] = [graph.integers([1]), graph.integers([0])];
  const rows = graph.input('rows', ['N', 'size']);
  const targets = graph.input('targets', ['N', 'classes']);
  const rowWeights = graph.input('row_weights', ['N', 1]);
  const weights = graph.input(OUTPUT_WEIGHTS, ['classes', 'inputs']);
  const bias = graph.input(OUTPUT_BIAS, ['classes']);
  const hidden = hasHidden ? graph.add('Relu', [hiddenSums(graph, rows)]) : rows;
  const logits = graph.add('Gemm', [hidden, weights, bias], { transB: 1 });
  const logarithms = graph.add('LogSoftmax', [logits], { axis: 1 });
  const probabilities = graph.add('Exp', [logarithms]);
  const likelihoods = graph.add('ReduceSum', [graph.add('Mul', [targets, logarithms]), sumOfRow], { keepdims: 0 });
  graph.output(PROBABILITIES, probabilities);
  graph.output(ROW_LOSS, graph.add('Neg', [likelihoods]));

  const layerGradients = (gradient: string, inputs: string, weightName: string, biasName: string) => {
    graph.output(gradientOf(weightName), graph.add('Gemm', [gradient, inputs], { transA: 1 }));
    graph.output(gradientOf(biasName), graph.add('ReduceSum', [gradient, sumOfColumn], { keepdims: 0 }));
  };
  const ofLogits = graph.add('Mul', [graph.add('Sub', [probabilities, targets]), rowWeights]);
  layerGradients(ofLogits, hidden, OUTPUT_WEIGHTS, OUTPUT_BIAS);
  if (hasHidden) {
    const ofHidden = graph.add('MatMul', [ofLogits, weights]);
    layerGradients(graph.add('Mul', [ofHidden, graph.add('Sign', [hidden])]), rows, HIDDEN_WEIGHTS, HIDDEN_BIAS);
  }
  return graph.bytes();
}

function hiddenSums(graph: GraphWriter, rows: string): string {
  const weights = graph.input(HIDDEN_WEIGHTS, ['units', 'size']);
  const bias = graph.input(HIDDEN_BIAS, ['units']);
  return graph.add('Gemm', [rows, weights, bias], { transB: 1 });
}
