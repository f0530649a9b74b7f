import { attributeFields, tensorFields, valueInfo, type WrittenAttribute } from '../../src/onnx/file/fields.js';
import { FLOAT, INT64 } from '../../src/onnx/file/tensor-types.js';
import { type Encodable, encode } from '../../src/onnx/file/wire.js';

/** A node of a network that a test writes. */
export type WrittenNode = [
  operator: string,
  inputs: string[],
  outputs: string[],
  attributes?: Record<string, WrittenAttribute>,
];

/** A constant of a network: float32, or int64 where integers are given. */
export type WrittenConstant = { dims: number[]; values: number[] } | bigint[];

/** An ONNX file with one float32 input `x`. */
export function onnxFileOf(network: {
  opset: number;
  input: (number | string)[];
  nodes: WrittenNode[];
  constants: Record<string, WrittenConstant>;
  output: string;
}): Uint8Array {
  const graph: Encodable[] = [
    ...network.nodes.map(([operator, inputs, outputs, attributes = {}]): Encodable => {
      const fields: Encodable[] = [
        ...inputs.map((name): Encodable => [1, name]),
        ...outputs.map((name): Encodable => [2, name]),
        [4, operator],
        ...Object.entries(attributes).map(([name, value]): Encodable => [5, attributeFields(name, value)]),
      ];
      return [1, fields];
    }),
    [2, 'test'],
    ...Object.entries(network.constants).map(([name, constant]): Encodable => {
      return Array.isArray(constant)
        ? [5, tensorFields(name, INT64, [constant.length], BigInt64Array.from(constant))]
        : [5, tensorFields(name, FLOAT, constant.dims, Float32Array.from(constant.values))];
    }),
    [11, valueInfo('x', FLOAT, network.input)],
    [12, [[1, network.output]]],
  ];
  return encode([
    [1, 8],
    [8, [[2, network.opset]]],
    [7, graph],
  ]);
}
