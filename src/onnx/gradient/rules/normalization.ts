import { at } from '../../../core/at.js';
import { numberOf, type Operation, operand, type Rule, tensorAt } from './rule.js';

const EPSILON = 1e-5;

/** What batch normalisation does outside training: every channel times a scale, plus a shift. */
export interface ScaleAndShift {
  scale: Float64Array;
  shift: Float64Array;
}

/**
 * Ioffe, Szegedy: Batch Normalization (2015), section 3.1: scale = gamma / sqrt(variance + epsilon), shift = beta - mean scale.
 */
export function scaleAndShift(operation: Operation): ScaleAndShift {
  const epsilon = numberOf(operation, 'epsilon', EPSILON);
  const values = (index: number): ArrayLike<number> => {
    const found = operand(operation, index).values;
    if (!found) throw new Error(`the values of input ${index} of a batch normalisation are missing`);
    return found;
  };
  const [gamma, beta, mean, variance] = [values(1), values(2), values(3), values(4)];
  const scale = Float64Array.from(gamma, (value, i) => value / Math.sqrt(at(variance, i) + epsilon));
  const shift = Float64Array.from(beta, (value, i) => value - at(mean, i) * at(scale, i));
  return { scale, shift };
}

/** Batch normalisation that is not folded into a convolution stays as it is while the layers around it are trained. */
export const batchNormalization: Rule = {
  obstacle: (operation) => {
    if (numberOf(operation, 'training_mode', 0) !== 0) return 'it normalises by the statistics of the batch';
    return operation.inputs.slice(1).some((input) => !input?.constant)
      ? 'its statistics depend on the picture'
      : undefined;
  },
  forward: (graph, operation) => {
    const { tensor, dims } = operand(operation, 0);
    const { scale, shift } = scaleAndShift(operation);
    const perChannel = [scale.length, ...dims.slice(2).map(() => 1)];
    const factors = graph.floats(Float32Array.from(scale), perChannel);
    const scaled = graph.add('Mul', [tensor, factors]);
    return [graph.add('Add', [scaled, graph.floats(Float32Array.from(shift), perChannel)]), factors];
  },
  backward: (graph, _operation, outputs, gradients) => [graph.add('Mul', [tensorAt(gradients), tensorAt(outputs, 1)])],
};
