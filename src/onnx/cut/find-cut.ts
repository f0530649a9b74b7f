import type { OnnxModel } from '../file/model.js';
import type { Node } from '../file/node.js';
import { rolesOf } from '../layers/graph-roles.js';
import { type Producers, weightShape } from './weight-shape.js';

/** The tensor of the features, in every file in which it was named (see features.ts). */
export const FEATURES = 'menagerie/features';

/** Where a network ends that gives features: before its last layer with weights. */
export interface Cut {
  /** The input of that layer. */
  tensor: string;
  /** Whether `tensor` has a height and a width, which are averaged over. */
  planes: boolean;
  /** Number of features. */
  size: number;
}

/** Operators without weights of their own that may follow the last layer. Their first input is followed, or the only varying one. */
const AFTER = new Set(
  `Softmax LogSoftmax Sigmoid Relu LeakyRelu Clip Identity Dropout Cast Flatten Reshape Squeeze Unsqueeze Transpose
  GlobalAveragePool GlobalMaxPool AveragePool ReduceMean QuantizeLinear DequantizeLinear Add Sub Mul Div BatchNormalization`.split(
    /\s+/,
  ),
);
/** Of these the other inputs are not data, even where they depend on the picture, such as a shape. */
const SHAPED = new Set(['Reshape', 'Squeeze', 'Unsqueeze']);

/**
 * Walks back from an output to the last Conv, Gemm or MatMul with weights. A file that names its features is cut there.
 * @param output name of a tensor
 * @returns undefined where the walk ends at a branch or at an operator that it does not know
 */
export function findCut(model: OnnxModel, output: string): Cut | undefined {
  const producers = new Map(model.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const sizeOf = (node: Node) => inputSize(node, model, producers);
  if (producers.has(FEATURES)) {
    const layer = model.nodes.find(({ operator, inputs }) => operator === 'Gemm' && inputs[0] === FEATURES);
    const size = layer && sizeOf(layer);
    return size === undefined ? undefined : { tensor: FEATURES, planes: false, size };
  }
  const { constants, varying } = rolesOf(model);
  let node = producers.get(output);
  // No walk is longer than the graph.
  for (let steps = 0; node && steps < model.nodes.length; steps++) {
    const { operator, inputs } = node;
    const [data, weights] = inputs;
    if (operator === 'Conv' || operator === 'Gemm' || operator === 'MatMul') {
      const size = data !== undefined && weights !== undefined && constants.has(weights) ? sizeOf(node) : undefined;
      if (data === undefined || size === undefined || constants.has(data) || !producers.has(data)) return undefined;
      return { tensor: data, planes: operator === 'Conv', size };
    }
    const [only, ...others] = SHAPED.has(operator) ? inputs.slice(0, 1) : varying(inputs);
    if (!AFTER.has(operator) || only === undefined || others.length > 0) return undefined;
    node = producers.get(only);
  }
  return undefined;
}

/** Number of values (of channels for a Conv) that a layer takes; undefined if its weights do not tell. */
function inputSize(node: Node, model: OnnxModel, producers: Producers): number | undefined {
  const { operator, inputs, attributes } = node;
  const dims = weightShape(inputs[1] ?? '', model, producers);
  if (operator === 'Conv') {
    const [, channels] = dims ?? [];
    // Only of pictures: a convolution over a line or a volume has other dimensions.
    if (dims?.length !== 4 || channels === undefined) return undefined;
    return channels * (typeof attributes.group === 'number' ? attributes.group : 1);
  }
  if (dims?.length !== 2 || attributes.transA) return undefined;
  return operator === 'Gemm' && attributes.transB ? dims[1] : dims[0];
}
