import type { ByteSource } from '../../core/byte-source.js';
import { countOf } from '../../core/shape.js';
import { valueInfo } from './fields.js';
import type { Initializer, OnnxModel } from './model.js';
import { modelFields } from './model-fields.js';
import type { Node } from './node.js';
import { FLOAT, TENSOR_TYPES } from './tensor-types.js';
import { type Encodable, encode } from './wire.js';

/** An input of a probe model. */
export interface ProbeFeed {
  name: string;
  /** TensorProto.DataType. */
  dataType: number;
  dims: number[];
}

export interface ProbeModel {
  /** The ONNX file to run. */
  bytes: Uint8Array;
  /** The graph's inputs, then the removed weights, stored or generated. */
  feeds: ProbeFeed[];
  /** The outputs of all nodes, in order. */
  fetches: string[];
}

/** Tensors with at most this many values stay in the file: shapes, axes and scales, whose values determine shapes. */
const MAX_KEPT_VALUES = 1024;

/**
 * The same graph with every intermediate tensor as an output, and with its weights as inputs, so that the file is small for any
 * network, and any values can be fed. Running it once, unoptimised, gives the exact shape of every tensor, for any operator.
 * @param inputDims dimensions of the graph's inputs, by name
 */
export function probeModel(source: ByteSource, model: OnnxModel, inputDims: ReadonlyMap<string, number[]>): ProbeModel {
  const inputs = model.inputs.map(({ name, dataType }) => {
    const dims = inputDims.get(name);
    if (!dims) throw new Error(`the dimensions of input ${name} are missing`);
    return { name, dataType, dims };
  });
  const generated = model.nodes.flatMap((node) => generatedWeight(node, model) ?? []);
  const isGenerated = new Set(generated.map(({ name }) => name));
  const nodes = model.nodes.filter(({ outputs }) => !isGenerated.has(outputs[0] ?? ''));
  // ONNX Runtime refuses files of old versions in which an initializer is neither an input nor used.
  const used = new Set(nodes.flatMap((node) => node.inputs));
  const all = [...model.initializers.values()].filter(({ name }) => used.has(name));
  const isLarge = (tensor: Initializer) => tensor.external || countOf(tensor.dims) > MAX_KEPT_VALUES;
  const large = all.filter((tensor) => isLarge(tensor) && TENSOR_TYPES[tensor.dataType]?.array);
  const weights = large.map(({ name, dataType, dims }) => ({ name, dataType, dims }));
  const kept = all.filter((tensor) => !large.includes(tensor));
  const feeds = [...inputs, ...weights, ...generated];
  const fetches = [...new Set(nodes.flatMap(({ outputs }) => outputs).filter((name) => name !== ''))];
  const copy = ({ start, end }: Pick<Initializer, 'start' | 'end'>) => source.slice(start, end).slice();
  const graph: Encodable[] = [
    ...nodes.map((node): Encodable => [1, copy(node)]),
    [2, model.name || 'graph'],
    ...kept.map((tensor): Encodable => [5, copy(tensor)]),
    ...feeds.map((feed): Encodable => [11, valueInfo(feed.name, feed.dataType, feed.dims)]),
    ...fetches.map((name): Encodable => [12, [[1, name]]]),
  ];
  return { bytes: encode([...modelFields(source, model), [7, graph]]), feeds, fetches };
}

/** The output of a node that generates a large constant; undefined for other nodes. The probe model does not generate it. */
function generatedWeight(
  { operator, inputs, outputs, attributes }: Node,
  { initializers }: OnnxModel,
): ProbeFeed | undefined {
  const dims = operator === 'ConstantOfShape' ? initializers.get(inputs[0] ?? '')?.integers : undefined;
  const dataType = typeof attributes.value === 'number' ? attributes.value : FLOAT;
  const [name] = outputs;
  if (!dims || countOf(dims) <= MAX_KEPT_VALUES || !TENSOR_TYPES[dataType]?.array || name === undefined)
    return undefined;
  return { name, dataType, dims };
}
