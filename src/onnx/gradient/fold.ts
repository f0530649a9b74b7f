import { at } from '../../core/at.js';
import { countOf } from '../../core/shape.js';
import type { Knowledge } from './operations.js';
import { scaleAndShift } from './rules/normalization.js';
import { type Operand, type Operation, operand } from './rules/rule.js';
import type { TailLayer } from './tail.js';

/**
 * A convolution that does what it and the batch normalisation after it do: w' = w scale, b' = b scale + shift, in double precision,
 * rounded once. Other layers stay as they are.
 */
export function foldedOperation({ fold }: TailLayer, operation: Operation, known: Knowledge): Operation {
  if (!fold) return operation;
  const statistics = fold.inputs.map((name): Operand => {
    const tensor = known(name);
    return { tensor: name, dims: tensor?.dims ?? [], constant: true, values: tensor?.values };
  });
  const { scale, shift } = scaleAndShift({ ...operation, attributes: fold.attributes, inputs: statistics });
  const [x, w, b] = [operand(operation, 0), operand(operation, 1), operation.inputs[2]];
  const perOutput = countOf(w.dims) / scale.length;
  const weights = Float32Array.from(w.values ?? [], (value, i) => value * at(scale, Math.floor(i / perOutput)));
  const bias = Float32Array.from(shift, (value, i) => value + (b?.values?.[i] ?? 0) * at(scale, i));
  return {
    ...operation,
    inputs: [x, { ...w, values: weights }, { tensor: '', dims: [bias.length], constant: true, values: bias }],
  };
}
