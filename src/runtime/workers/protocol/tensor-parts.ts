import { Tensor } from 'onnxruntime-node';
import { MenagerieError } from '../../../core/errors.js';
import { countOf } from '../../../core/shape.js';
import { TENSOR_TYPES } from '../../../onnx/file/tensor-types.js';
import type { TensorInfo } from './calls.js';

// Tensors and the parts of a frame that hold their values.

const ARRAYS = new Map(Object.values(TENSOR_TYPES).map(({ name, array }) => [name, array]));

/**
 * A tensor over the memory of a part.
 * @throws MenagerieError `invalid_request` for a type that cannot be fed, or another number of values than its shape has
 */
export function tensorOf({ name, type, dims }: TensorInfo, part: Uint8Array<ArrayBuffer>): Tensor {
  const Values = ARRAYS.get(type);
  if (!Values)
    throw new MenagerieError('invalid_request', `The tensor "${name}" is of type ${type}, which cannot be fed.`);
  const bytes = countOf(dims) * Values.BYTES_PER_ELEMENT;
  if (bytes !== part.byteLength) {
    const what = `The tensor "${name}" of ${dims.join('x')} ${type} has ${bytes} bytes`;
    throw new MenagerieError('invalid_request', `${what}; ${part.byteLength} came.`);
  }
  const values = new Values(part.buffer, part.byteOffset, countOf(dims));
  return new Tensor(type as 'float32', values as Float32Array, dims);
}

/** The bytes of a tensor's values. */
export function valuesOf(tensor: Tensor): Uint8Array {
  const { data } = tensor;
  if (!ArrayBuffer.isView(data)) throw new MenagerieError('invalid_request', 'Outputs of text cannot be returned.');
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
