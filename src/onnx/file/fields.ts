import { type Encodable, encode } from './wire.js';

// The parts of ONNX files that are written, field by field (onnx.proto3).

/** The value of an attribute to write: an integer, integers, text, or a real number. */
export type WrittenAttribute = number | readonly number[] | string | { readonly float: number };

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
