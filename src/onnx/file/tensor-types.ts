/** An element type: TensorProto.DataType in onnx.proto3. */
export interface TensorType {
  /** The name in ONNX Runtime. */
  name: string;
  /** Bytes per element. */
  bytes: number;
  /** The JavaScript array for its values; undefined for types that cannot be fed to ONNX Runtime. */
  array?:
    | Float32ArrayConstructor
    | Float64ArrayConstructor
    | Int8ArrayConstructor
    | Uint8ArrayConstructor
    | Int16ArrayConstructor
    | Uint16ArrayConstructor
    | Int32ArrayConstructor
    | Uint32ArrayConstructor
    | BigInt64ArrayConstructor
    | BigUint64ArrayConstructor;
}

/** The numbers of two types. */
export const [FLOAT, INT64] = [1, 7] as const;

/** The types by number. */
export const TENSOR_TYPES: Readonly<Record<number, TensorType>> = {
  1: { name: 'float32', bytes: 4, array: Float32Array },
  2: { name: 'uint8', bytes: 1, array: Uint8Array },
  3: { name: 'int8', bytes: 1, array: Int8Array },
  4: { name: 'uint16', bytes: 2, array: Uint16Array },
  5: { name: 'int16', bytes: 2, array: Int16Array },
  6: { name: 'int32', bytes: 4, array: Int32Array },
  7: { name: 'int64', bytes: 8, array: BigInt64Array },
  9: { name: 'bool', bytes: 1, array: Uint8Array },
  10: { name: 'float16', bytes: 2, array: Uint16Array },
  11: { name: 'float64', bytes: 8, array: Float64Array },
  12: { name: 'uint32', bytes: 4, array: Uint32Array },
  13: { name: 'uint64', bytes: 8, array: BigUint64Array },
  16: { name: 'bfloat16', bytes: 2 },
  21: { name: 'uint4', bytes: 0.5 },
  22: { name: 'int4', bytes: 0.5 },
};
