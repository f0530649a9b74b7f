import type { ByteSource } from '../../core/byte-source.js';
import { countOf } from '../../core/shape.js';
import type { Initializer, OnnxModel } from './model.js';
import type { Node } from './node.js';
import { FLOAT, TENSOR_TYPES } from './tensor-types.js';
import { type Encodable, encode, fieldsOf } from './wire.js';

/** A tensor to feed. */
export interface ProbeFeed {
  name: string;
  /** TensorProto.DataType. */
  dataType: number;
  dims: number[];
}

export interface ProbeModel {
  /** The ONNX file to run. */
  bytes: Uint8Array;
  /** The graph's own inputs, then the weights that were taken out or are not made. */
  feeds: ProbeFeed[];
  /** Every tensor that a node makes, in order. */
  fetches: string[];
}

/** Tensors up to this many values stay in the file: shapes, axes and scales, whose values decide shapes. */
const MOST_KEPT_VALUES = 1024;

/**
 * The same graph with every intermediate tensor as an output, and without its weights: those become inputs, so that the
 * file is small whatever the network's size and any values can be fed. Running it once, unoptimised, tells the exact
 * shape of every tensor, for any operator.
 * @param inputDims dimensions for the graph's inputs, by name
 */
export function probeModel(source: ByteSource, model: OnnxModel, inputDims: ReadonlyMap<string, number[]>): ProbeModel {
  const inputs = model.inputs.map(({ name, dataType }) => ({ name, dataType, dims: inputDims.get(name) as number[] }));
  const made = model.nodes.flatMap((node) => madeWeight(node, model) ?? []);
  const isMade = new Set(made.map(({ name }) => name));
  const nodes = model.nodes.filter(({ outputs }) => !isMade.has(outputs[0] ?? ''));
  // ONNX Runtime refuses files of old versions in which an initializer is neither an input nor used.
  const used = new Set(nodes.flatMap((node) => node.inputs));
  const all = [...model.initializers.values()].filter(({ name }) => used.has(name));
  const isLarge = (tensor: Initializer) => tensor.external || countOf(tensor.dims) > MOST_KEPT_VALUES;
  const large = all.filter((tensor) => isLarge(tensor) && TENSOR_TYPES[tensor.dataType]?.array);
  const weights = large.map(({ name, dataType, dims }) => ({ name, dataType, dims }));
  const kept = all.filter((tensor) => !large.includes(tensor));
  const feeds = [...inputs, ...weights, ...made];
  const fetches = [...new Set(nodes.flatMap(({ outputs }) => outputs).filter((name) => name !== ''))];
  const copy = ({ start, end }: Pick<Initializer, 'start' | 'end'>) => source.slice(start, end).slice();
  const graph: Encodable[] = [
    ...nodes.map((node): Encodable => [1, copy(node)]),
    [2, model.name || 'graph'],
    ...kept.map((tensor): Encodable => [5, copy(tensor)]),
    ...feeds.map((feed): Encodable => [11, feedInfo(feed)]),
    ...fetches.map((name): Encodable => [12, [[1, name]]]),
  ];
  return { bytes: encode([...modelFields(source), [7, graph]]), feeds, fetches };
}

/** The tensor of a large constant that the graph itself makes, which need not be made for the probe. */
function madeWeight(
  { operator, inputs, outputs, attributes }: Node,
  { initializers }: OnnxModel,
): ProbeFeed | undefined {
  const dims = operator === 'ConstantOfShape' ? initializers.get(inputs[0] ?? '')?.integers : undefined;
  const dataType = typeof attributes.value === 'number' ? attributes.value : FLOAT;
  if (!dims || countOf(dims) <= MOST_KEPT_VALUES || !TENSOR_TYPES[dataType]?.array) return undefined;
  return { name: outputs[0] as string, dataType, dims };
}

/** What an ONNX file says besides its graph. */
function modelFields(source: ByteSource): Encodable[] {
  const wanted = new Set([1, 8, 25]);
  const fields: Encodable[] = [];
  for (const { number, wireType, value, start, end } of fieldsOf(source)) {
    if (wanted.has(number)) fields.push([number, wireType === 0 ? value : source.slice(start, end).slice()]);
  }
  return fields;
}

/** ValueInfoProto of a tensor. */
function feedInfo({ name, dataType, dims }: ProbeFeed): Encodable[] {
  const shape: Encodable[] = dims.map((size): Encodable => [1, [[1, size]]]);
  return [
    [1, name],
    [
      2,
      [
        [
          1,
          [
            [1, dataType],
            [2, shape],
          ],
        ],
      ],
    ],
  ];
}
