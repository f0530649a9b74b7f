import { FLOAT, INT64 } from './tensor-types.js';
import { type Encodable, encode } from './wire.js';

// The parts of ONNX files that are written, field by field (onnx.proto3).

/** The value of an attribute to write: an integer, integers, text, or a real number. */
export type WrittenAttribute = number | readonly number[] | string | { readonly float: number };

const [NODE, INITIALIZER, INPUT, OUTPUT] = [1, 5, 11, 12];
const [ATTRIBUTE_FLOAT, ATTRIBUTE_INT, ATTRIBUTE_STRING, ATTRIBUTE_INTS] = [1, 2, 3, 7];

/** AttributeProto. */
export function attributeFields(name: string, value: WrittenAttribute): Uint8Array {
  if (typeof value === 'number')
    return encode([
      [1, name],
      [3, value],
      [20, ATTRIBUTE_INT],
    ]);
  if (typeof value === 'string')
    return encode([
      [1, name],
      [4, value],
      [20, ATTRIBUTE_STRING],
    ]);
  if ('float' in value) {
    // Field 2 of wire type 5, which encode() does not support.
    const floatField = Buffer.alloc(5, (2 << 3) | 5);
    floatField.writeFloatLE(value.float, 1);
    return Buffer.concat([encode([[1, name]]), floatField, encode([[20, ATTRIBUTE_FLOAT]])]);
  }
  return encode([[1, name], ...value.map((item): Encodable => [8, item]), [20, ATTRIBUTE_INTS]]);
}

/** ValueInfoProto of a tensor. @param dims sizes, or names of open dimensions */
export function valueInfo(name: string, dataType: number, dims: readonly (number | string)[]): Encodable[] {
  const shape = dims.map((size): Encodable => [1, [[typeof size === 'number' ? 1 : 2, size]]]);
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

/** TensorProto. @param values little-endian */
export function tensorFields(
  name: string,
  dataType: number,
  dims: readonly number[],
  values: Float32Array | BigInt64Array,
): Encodable[] {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return [...dims.map((size): Encodable => [1, size]), [2, dataType], [8, name], [9, bytes]];
}

/** A node, as a field of the graph, named as its first output. */
export function nodeField(
  operator: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, WrittenAttribute>> = {},
): Encodable {
  return [
    NODE,
    [
      ...inputs.map((name): Encodable => [1, name]),
      ...outputs.map((name): Encodable => [2, name]),
      [3, outputs[0] ?? ''],
      [4, operator],
      ...Object.entries(attributes).map(([name, value]): Encodable => [5, attributeFields(name, value)]),
    ],
  ];
}

/** A stored float32 tensor, as a field of the graph. */
export function floatsField(name: string, dims: readonly number[], values: Float32Array): Encodable {
  return [INITIALIZER, tensorFields(name, FLOAT, dims, values)];
}

/** A stored list of int64, such as a shape, as a field of the graph. */
export function integersField(name: string, values: readonly number[]): Encodable {
  return [INITIALIZER, tensorFields(name, INT64, [values.length], BigInt64Array.from(values, BigInt))];
}

/** An input or output, as a field of the graph: float32 of these dimensions, numbers or names of open ones. */
export function valueField(kind: 'input' | 'output', name: string, dims: readonly (number | string)[]): Encodable {
  return [kind === 'input' ? INPUT : OUTPUT, valueInfo(name, FLOAT, dims)];
}
