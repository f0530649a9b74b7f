import { FLOAT, INT64 } from './tensor-types.js';
import type { Encodable } from './wire.js';

// Fields of a GraphProto to write (onnx.proto3 of github.com/onnx/onnx).

const [NODE, INITIALIZER, INPUT, OUTPUT] = [1, 5, 11, 12] as const;
const ATTRIBUTE_INT = 2;

/** A node, named as its first output, with attributes that are integers. */
export function nodeField(
  operator: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, number>> = {},
): Encodable {
  return [
    NODE,
    [
      ...inputs.map((name): Encodable => [1, name]),
      ...outputs.map((name): Encodable => [2, name]),
      [3, outputs[0] ?? ''],
      [4, operator],
      ...Object.entries(attributes).map(([name, value]): Encodable => {
        const fields: Encodable[] = [
          [1, name],
          [3, value],
          [20, ATTRIBUTE_INT],
        ];
        return [5, fields];
      }),
    ],
  ];
}

/** A stored float32 tensor. */
export function floatsField(name: string, dims: readonly number[], values: Float32Array): Encodable {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return [INITIALIZER, tensorFields(name, FLOAT, dims, bytes)];
}

/** A stored list of int64, such as a shape. */
export function integersField(name: string, values: readonly number[]): Encodable {
  const bytes = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  return [INITIALIZER, tensorFields(name, INT64, [values.length], bytes)];
}

/** An input or output of the graph: float32 of these dimensions, numbers or names of open ones. */
export function valueField(kind: 'input' | 'output', name: string, dims: readonly (number | string)[]): Encodable {
  const shape = dims.map((size): Encodable => [1, [[typeof size === 'number' ? 1 : 2, size]]]);
  const tensor: Encodable[] = [
    [1, FLOAT],
    [2, shape],
  ];
  const fields: Encodable[] = [
    [1, name],
    [2, [[1, tensor]]],
  ];
  return [kind === 'input' ? INPUT : OUTPUT, fields];
}

function tensorFields(name: string, dataType: number, dims: readonly number[], bytes: Uint8Array): Encodable[] {
  return [...dims.map((size): Encodable => [1, size]), [2, dataType], [8, name], [9, bytes]];
}
