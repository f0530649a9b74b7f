import type { ByteSource } from '../../core/byte-source.js';
import type { OnnxModel } from './model.js';
import { type Encodable, fieldsOf } from './wire.js';

/** Since this version of the format, stored tensors need not be listed as inputs. */
const LEAST_IR_VERSION = 4;
const [IR_VERSION, OPSETS, FUNCTIONS] = [1, 8, 25];

/** The version, operator sets and functions of a file, as a file with a part of its graph needs them. */
export function modelFields(source: ByteSource, { irVersion }: Pick<OnnxModel, 'irVersion'>): Encodable[] {
  const fields: Encodable[] = [[IR_VERSION, Math.max(LEAST_IR_VERSION, irVersion)]];
  for (const { number, start, end } of fieldsOf(source)) {
    if (number === OPSETS || number === FUNCTIONS) fields.push([number, source.slice(start, end).slice()]);
  }
  return fields;
}
