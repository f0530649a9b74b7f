import { FLOAT, INT64 } from '../../onnx/file/tensor-types.js';
import { type Encodable, encode } from '../../onnx/file/wire.js';

// Softmax regression as an ONNX graph that computes its own gradient. Field numbers are those of onnx.proto3 (github.com/onnx/onnx).

const [IR_VERSION, OPSET] = [8, 17];
const ATTRIBUTE_INT = 2;

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
          node('Gemm', ['rows', HIDDEN_WEIGHTS, HIDDEN_BIAS], 'hidden_sums', { transB: 1 }),
          node('Relu', ['hidden_sums'], 'hidden'),
        ]
      : []),
    node('Gemm', [last, OUTPUT_WEIGHTS, OUTPUT_BIAS], 'logits', { transB: 1 }),
    node('LogSoftmax', ['logits'], 'log_probabilities'),
    node('Exp', ['log_probabilities'], PROBABILITIES),
    node('Mul', ['targets', 'log_probabilities'], 'likelihoods'),
    node('ReduceSum', ['likelihoods', 'axis_1'], 'row_likelihood', { keepdims: 0 }),
    node('Neg', ['row_likelihood'], ROW_LOSS),
    node('Sub', [PROBABILITIES, 'targets'], 'residuals'),
    node('Mul', ['residuals', 'row_weights'], 'd_logits'),
    node('Gemm', ['d_logits', last], gradientOf(OUTPUT_WEIGHTS), { transA: 1 }),
    node('ReduceSum', ['d_logits', 'axis_0'], gradientOf(OUTPUT_BIAS), { keepdims: 0 }),
    ...(hasHidden
      ? [
          node('Sign', ['hidden'], 'is_active'),
          node('MatMul', ['d_logits', OUTPUT_WEIGHTS], 'd_hidden'),
          node('Mul', ['d_hidden', 'is_active'], 'd_hidden_sums'),
          node('Gemm', ['d_hidden_sums', 'rows'], gradientOf(HIDDEN_WEIGHTS), { transA: 1 }),
          node('ReduceSum', ['d_hidden_sums', 'axis_0'], gradientOf(HIDDEN_BIAS), { keepdims: 0 }),
        ]
      : []),
  ];
  const inputs = ['rows', 'targets', 'row_weights', ...weights];
  const outputs = [PROBABILITIES, ROW_LOSS, ...weights.map(gradientOf)];
  const graph: Encodable[] = [
    ...nodes,
    [2, 'softmax regression'],
    axis('axis_0', 0),
    axis('axis_1', 1),
    ...inputs.map((name): Encodable => [11, valueInfo(name, name.endsWith('bias') ? 1 : 2)]),
    ...outputs.map((name): Encodable => [12, [[1, name]]]),
  ];
  return encode([
    [1, IR_VERSION],
    [8, [[2, OPSET]]],
    [7, graph],
  ]);
}

/** NodeProto, as a field of the graph. */
function node(
  operator: string,
  inputs: readonly string[],
  output: string,
  attributes: Record<string, number> = {},
): Encodable {
  const attributeFields = Object.entries(attributes).map(
    ([name, value]): Encodable => [
      5,
      [
        [1, name],
        [3, value],
        [20, ATTRIBUTE_INT],
      ],
    ],
  );
  return [1, [...inputs.map((name): Encodable => [1, name]), [2, output], [4, operator], ...attributeFields]];
}

/** TensorProto with one axis, as a field of the graph. */
function axis(name: string, value: number): Encodable {
  const bytes = new Uint8Array(BigInt64Array.of(BigInt(value)).buffer);
  return [
    5,
    [
      [1, 1],
      [2, INT64],
      [8, name],
      [9, bytes],
    ],
  ];
}

/** ValueInfoProto of a float32 tensor with so many dimensions, all free. */
function valueInfo(name: string, dimensions: number): Encodable[] {
  const shape = Array.from({ length: dimensions }, (_, i): Encodable => [1, [[2, `${name}.${i}`]]]);
  return [
    [1, name],
    [
      2,
      [
        [
          1,
          [
            [1, FLOAT],
            [2, shape],
          ],
        ],
      ],
    ],
  ];
}
