import { countOf } from '../../core/shape.js';
import type { Node } from '../file/node.js';

/** Dimensions of a tensor by name. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

/** The inputs of each operator that are learned parameters if they are constant; other constant inputs are settings. */
const PARAMETER_INPUTS: Record<string, number[]> = {
  Conv: [1, 2],
  ConvTranspose: [1, 2],
  ConvInteger: [1],
  QLinearConv: [3, 8],
  Gemm: [0, 1, 2],
  MatMul: [0, 1],
  MatMulInteger: [0, 1],
  QLinearMatMul: [0, 3],
  QGemm: [3, 6],
  BatchNormalization: [1, 2, 3, 4],
  InstanceNormalization: [1, 2],
  LayerNormalization: [1, 2],
  GroupNormalization: [1, 2],
  PRelu: [1],
  LSTM: [1, 2, 3],
  GRU: [1, 2, 3],
  RNN: [1, 2, 3],
  Gather: [0],
};
/** Operators that scale or shift by a constant, which is a setting if it is a single number, and learned otherwise. */
const ELEMENTWISE = new Set(['Add', 'Sub', 'Mul', 'Div', 'Sum']);
/** The operators of layers with weights, which determine a network's depth. */
const WEIGHTED = new Set(
  'Conv ConvTranspose ConvInteger QLinearConv Gemm MatMul MatMulInteger QLinearMatMul QGemm'.split(' '),
);

/** Whether a node is a layer with weights as papers count them: a convolution or a fully connected layer. */
export function isWeighted(node: Node, constants: ReadonlySet<string>): boolean {
  return WEIGHTED.has(node.operator) && parameterTensors(node, constants, new Map()).length > 0;
}

/**
 * The constant tensors that are a node's learned parameters. Batch normalisation has four per channel: scale, shift,
 * running mean and running variance.
 */
export function parameterTensors(node: Node, constants: ReadonlySet<string>, shapes: Shapes): string[] {
  const constant = (name: string | undefined): name is string => name !== undefined && constants.has(name);
  if (ELEMENTWISE.has(node.operator)) {
    return node.inputs.filter((name) => constant(name) && countOf(shapes.get(name) ?? []) > 1);
  }
  return (PARAMETER_INPUTS[node.operator] ?? []).map((i) => node.inputs[i]).filter(constant);
}

/**
 * Multiply-accumulates of a node: for a convolution, output values x kernel values x input channels of a group; for a matrix
 * product, output values x inner dimension. Biases, activations, pooling and normalisation count as 0, as in the papers.
 */
export function macsOf(node: Node, shapes: Shapes): number {
  const shape = (index: number) => shapes.get(node.inputs[index] ?? '') ?? [];
  const output = shapes.get(node.outputs[0] ?? '') ?? [];
  switch (node.operator) {
    case 'Conv':
    case 'ConvInteger':
      return countOf(output) * countOf(shape(1).slice(1));
    case 'QLinearConv':
      return countOf(output) * countOf(shape(3).slice(1));
    case 'ConvTranspose':
      return countOf(shape(0)) * countOf(shape(1).slice(1));
    case 'Gemm':
    case 'QGemm': {
      const inner = shape(0)[node.attributes.transA === 1 ? 0 : 1] ?? 0;
      return countOf(output) * inner;
    }
    case 'MatMul':
    case 'MatMulInteger':
    case 'QLinearMatMul':
      return countOf(output) * (shape(0).at(-1) ?? 0);
    default:
      return 0;
  }
}
