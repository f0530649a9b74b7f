import { countOf } from '../core/shape.js';
import { nodeField, tensorFields, valueInfo } from '../onnx/file/fields.js';
import { UNTRAINED } from '../onnx/file/model.js';
import { FLOAT, INT64 } from '../onnx/file/tensor-types.js';
import { type Encodable, encode } from '../onnx/file/wire.js';
import type { Graph, GraphNode, Parameter, Tensor } from './builder.js';
import { constantValue, type InitialWeights, mulberry32, randomValues } from './weights.js';

// Writes graphs as ONNX files. Field numbers and enumerations are those of onnx.proto3 (github.com/onnx/onnx).

const IR_VERSION = 8;
const OPSET = 17;
const ATTRIBUTE_TENSOR = 4;

/** A file to be written in pieces. */
export interface OnnxFile {
  /** In bytes. */
  readonly length: number;
  /** The file from its beginning, in pieces of at most 256 KiB; the piece with the graph's structure may be larger. */
  chunks(): Generator<Uint8Array>;
}

/**
 * The graph as an ONNX file.
 *
 * With 'constant' weights, ConstantOfShape nodes make the weights when the network is loaded or run: VGG-16 takes a few KB.
 * With 'random' weights the file contains them (VGG-16: 553 MB), but only one piece is in memory at a time.
 */
export function onnxFile(graph: Graph, weights: InitialWeights): OnnxFile {
  const stored = weights.weights === 'random' ? graph.nodes.flatMap(({ parameters }) => parameters) : [];
  const structure = encode(weights.weights === 'random' ? graphFields(graph) : constantGraphFields(graph));
  const tensors = stored.map((parameter) => ({ parameter, head: tensorHead(parameter) }));
  const graphLength = tensors.reduce((sum, { parameter, head }) => sum + head.length + parameterBytes(parameter), 0);
  const head = Buffer.concat([modelHead(), lengthPrefix(7, structure.length + graphLength), structure]);
  return {
    length: head.length + graphLength,
    *chunks() {
      yield head;
      const next = mulberry32(weights.weights === 'random' ? weights.seed : 0);
      for (const tensor of tensors) {
        yield tensor.head;
        for (const values of randomValues(tensor.parameter, next)) yield new Uint8Array(values.buffer);
      }
    },
  };
}

/** The whole file in memory, for constant weights and for small networks. */
export function toOnnx(graph: Graph, weights: InitialWeights): Uint8Array {
  return Buffer.concat([...onnxFile(graph, weights).chunks()]);
}

/** ModelProto without its graph. */
function modelHead(): Uint8Array {
  return encode([
    [1, IR_VERSION],
    [2, 'menagerie'],
    [8, [[2, OPSET]]],
    [
      14,
      [
        [1, UNTRAINED.key],
        [2, UNTRAINED.value],
      ],
    ],
  ]);
}

/** GraphProto without initializers. */
function graphFields({ name, nodes, input, outputs }: Graph): Encodable[] {
  return [
    ...nodes.map(nodeOf),
    [2, name],
    [11, tensorInfo(input)],
    ...outputs.map((output): Encodable => [12, tensorInfo(output)]),
  ];
}

/** GraphProto with a ConstantOfShape before each use of a parameter. */
function constantGraphFields(graph: Graph): Encodable[] {
  const { nodes, ...rest } = graph;
  const fields = nodes.flatMap((node): Encodable[] => [
    ...node.parameters.flatMap((parameter): Encodable[] => [
      [5, shapeTensor(parameter)],
      [1, constantOfShape(parameter)],
    ]),
    nodeOf(node),
  ]);
  return [...fields, ...graphFields({ ...rest, input: graph.input, nodes: [] })];
}

function nodeOf({ operator, inputs, parameters, attributes, output }: GraphNode): Encodable {
  const names = [...inputs, ...parameters].map(({ name }) => name);
  return nodeField(operator, names, [output.name], attributes);
}

/** NodeProto of the ConstantOfShape that fills a parameter with one value. */
function constantOfShape(parameter: Parameter): Encodable[] {
  const value = new Uint8Array(Float32Array.of(constantValue(parameter)).buffer);
  return [
    [1, `${parameter.name}.shape`],
    [2, parameter.name],
    [3, parameter.name],
    [4, 'ConstantOfShape'],
    [
      5,
      [
        [1, 'value'],
        [
          5,
          [
            [1, 1],
            [2, FLOAT],
            [9, value],
          ],
        ],
        [20, ATTRIBUTE_TENSOR],
      ],
    ],
  ];
}

/** TensorProto of the shape of a parameter. */
function shapeTensor({ name, shape }: Parameter): Encodable[] {
  return tensorFields(`${name}.shape`, INT64, [shape.length], BigInt64Array.from(shape.map(BigInt)));
}

/** A parameter's field in GraphProto, up to its values, which follow. */
function tensorHead(parameter: Parameter): Uint8Array {
  const fields = encode([...parameter.shape.map((size): Encodable => [1, size]), [2, FLOAT], [8, parameter.name]]);
  const values = lengthPrefix(9, parameterBytes(parameter));
  const length = fields.length + values.length + parameterBytes(parameter);
  return Buffer.concat([lengthPrefix(5, length), fields, values]);
}

function parameterBytes({ shape }: Parameter): number {
  return 4 * countOf(shape);
}

/** Key and length of a length-delimited field, whose content follows. @param field number below 16 */
function lengthPrefix(field: number, length: number): Uint8Array {
  const bytes = encode([[field, length]]);
  bytes[0] = (field << 3) | 2;
  return bytes;
}

/** ValueInfoProto, with "N" as the batch dimension. */
function tensorInfo({ name, shape }: Tensor): Encodable[] {
  return valueInfo(name, FLOAT, ['N', ...shape]);
}
