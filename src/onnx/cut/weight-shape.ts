import { countOf } from '../../core/shape.js';
import type { OnnxModel } from '../file/model.js';
import type { Node } from '../file/node.js';

/** The node that computes each tensor. */
export type Producers = ReadonlyMap<string, Node>;

/** Operators whose output has the shape of their first input, between stored weights and a layer. */
const SAME_SHAPE = new Set(['DequantizeLinear', 'QuantizeLinear', 'Cast', 'Identity', 'Mul']);
/** More than any exporter writes there. */
const MAX_DEPTH = 8;

/**
 * The shape of weights that are stored as they are, quantised, with a codebook, or generated.
 * @returns undefined if the file does not say
 */
export function weightShape(
  name: string,
  model: OnnxModel,
  producers: Producers,
  depth = 0,
): readonly number[] | undefined {
  const { initializers } = model;
  const stored = initializers.get(name);
  if (stored) return stored.dims;
  const { operator = '', inputs = [], attributes = {} } = producers.get(name) ?? {};
  if (depth === MAX_DEPTH) return undefined;
  const [first = '', second = ''] = inputs;
  const shape = (input: string) => weightShape(input, model, producers, depth + 1);
  if (SAME_SHAPE.has(operator)) return shape(first);
  if (operator === 'ConstantOfShape') return initializers.get(first)?.integers;
  if (operator === 'Gather' && !attributes.axis) {
    const [values, codes] = [shape(first), shape(second)];
    return values && codes && [...codes, ...values.slice(1)];
  }
  return operator === 'Reshape' ? reshaped(shape(first), initializers.get(second)?.integers) : undefined;
}

/** @param to with -1 for the dimension that takes what is left */
function reshaped(from: readonly number[] | undefined, to: readonly number[] | undefined): number[] | undefined {
  const others = countOf(to?.filter((size) => size !== -1) ?? []);
  const dims = to?.map((size) => (size === -1 ? countOf(from ?? []) / others : size));
  return dims?.every((size) => Number.isInteger(size) && size > 0) ? dims : undefined;
}
