import { integersField, nodeField, valueField } from '../../onnx/file/fields.js';
import { type Encodable, encode } from '../../onnx/file/wire.js';

// Softmax regression as an ONNX graph that computes its own gradient. Field numbers are those of onnx.proto3 (github.com/onnx/onnx).

const [IR_VERSION, OPSET] = [8, 17];

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
  const last = hasHidden ? 'hidden' : 'rows';
  const weights = [OUTPUT_WEIGHTS, OUTPUT_BIAS, ...(hasHidden ? [HIDDEN_WEIGHTS, HIDDEN_BIAS] : [])];
  const nodes = [
    ...(hasHidden
      ? [
          nodeField('Gemm', ['rows', HIDDEN_WEIGHTS, HIDDEN_BIAS], ['hidden_sums'], { transB: 1 }),
          nodeField('Relu', ['hidden_sums'], ['hidden']),
        ]
      : []),
    nodeField('Gemm', [last, OUTPUT_WEIGHTS, OUTPUT_BIAS], ['logits'], { transB: 1 }),
    nodeField('LogSoftmax', ['logits'], ['log_probabilities']),
    nodeField('Exp', ['log_probabilities'], [PROBABILITIES]),
    nodeField('Mul', ['targets', 'log_probabilities'], ['likelihoods']),
    nodeField('ReduceSum', ['likelihoods', 'axis_1'], ['row_likelihood'], { keepdims: 0 }),
    nodeField('Neg', ['row_likelihood'], [ROW_LOSS]),
    nodeField('Sub', [PROBABILITIES, 'targets'], ['residuals']),
    nodeField('Mul', ['residuals', 'row_weights'], ['d_logits']),
    nodeField('Gemm', ['d_logits', last], [gradientOf(OUTPUT_WEIGHTS)], { transA: 1 }),
    nodeField('ReduceSum', ['d_logits', 'axis_0'], [gradientOf(OUTPUT_BIAS)], { keepdims: 0 }),
    ...(hasHidden
      ? [
          nodeField('Sign', ['hidden'], ['is_active']),
          nodeField('MatMul', ['d_logits', OUTPUT_WEIGHTS], ['d_hidden']),
          nodeField('Mul', ['d_hidden', 'is_active'], ['d_hidden_sums']),
          nodeField('Gemm', ['d_hidden_sums', 'rows'], [gradientOf(HIDDEN_WEIGHTS)], { transA: 1 }),
          nodeField('ReduceSum', ['d_hidden_sums', 'axis_0'], [gradientOf(HIDDEN_BIAS)], { keepdims: 0 }),
        ]
      : []),
  ];
  const inputs = ['rows', 'targets', 'row_weights', ...weights];
  const outputs = [PROBABILITIES, ROW_LOSS, ...weights.map(gradientOf)];
  const graph: Encodable[] = [
    ...nodes,
    [2, 'softmax regression'],
    integersField('axis_0', [0]),
    integersField('axis_1', [1]),
    ...inputs.map((name) => valueField('input', name, freeDims(name))),
    ...outputs.map((name): Encodable => [12, [[1, name]]]),
  ];
  return encode([
    [1, IR_VERSION],
    [8, [[2, OPSET]]],
    [7, graph],
  ]);
}

/** A bias has one dimension, all else two; none is fixed. */
function freeDims(input: string): string[] {
  return input.endsWith('bias') ? [`${input}.0`] : [`${input}.0`, `${input}.1`];
}
