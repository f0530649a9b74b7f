import { Tensor } from 'onnxruntime-node';
import { countOf } from '../../core/shape.js';
import { TENSOR_TYPES } from '../../onnx/file/tensor-types.js';

/** The array types for the values of tensors, by ONNX Runtime's name of the type. */
const ARRAYS = new Map(Object.values(TENSOR_TYPES).flatMap(({ name, array }) => (array ? [[name, array]] : [])));

/**
 * Creates a tensor.
 * @param type ONNX Runtime's name of the type
 * @param memory returns so many bytes with the values, little-endian; default: zeros
 * @returns undefined if the runtime cannot be fed tensors of this type
 */
export function createTensor(
  type: string,
  dims: readonly number[],
  memory?: (bytes: number) => Uint8Array<ArrayBuffer>,
): Tensor | undefined {
  const Values = ARRAYS.get(type);
  if (!Values || !isFed(type)) return undefined;
  const count = countOf(dims);
  const bytes = memory?.(count * Values.BYTES_PER_ELEMENT);
  const values = bytes ? new Values(bytes.buffer, bytes.byteOffset, count) : new Values(count);
  return new Tensor(type, values, dims);
}

function isFed(type: string): type is Exclude<Tensor.Type, 'string'> {
  return ARRAYS.has(type);
}
