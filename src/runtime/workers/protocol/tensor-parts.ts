import type { Tensor } from 'onnxruntime-node';
import { MenagerieError } from '../../../core/errors.js';
import { createTensor } from '../../networks/tensor.js';
import type { TensorInfo } from './calls.js';

// Tensors and the parts of a frame that hold their values.

/**
 * A tensor over the memory of a part.
 * @throws MenagerieError `invalid_request` for a type that cannot be fed, or a number of values that does not fit its shape
 */
export function tensorOf({ name, type, dims }: TensorInfo, part: Uint8Array<ArrayBuffer>): Tensor {
  const tensor = createTensor(type, dims, (bytes) => {
    if (bytes === part.byteLength) return part;
    const what = `The tensor "${name}" of ${dims.join('x')} ${type} has ${bytes} bytes`;
    throw new MenagerieError('invalid_request', `${what}; ${part.byteLength} were sent.`);
  });
  if (tensor) return tensor;
  throw new MenagerieError('invalid_request', `The tensor "${name}" is of type ${type}, which cannot be fed.`);
}

/** The bytes of a tensor's values. @throws MenagerieError `invalid_request` for a tensor of strings */
export function valuesOf(tensor: Tensor): Uint8Array {
  const { data } = tensor;
  if (!ArrayBuffer.isView(data)) throw new MenagerieError('invalid_request', 'Outputs of text cannot be returned.');
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
