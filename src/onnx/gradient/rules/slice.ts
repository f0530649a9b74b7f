import { at } from '../../../core/at.js';
import type { GraphWriter } from '../../file/graph-writer.js';
import { axisOf, forBatch, integersOr, type Operation, operand, outputDims, type Rule, tensorAt } from './rule.js';

/** Where a slice begins, and its step, along each dimension. */
interface Cut {
  axis: number;
  start: number;
  step: number;
}

/** Starts, ends, axes and steps are inputs from opset 10 on, attributes before. The outputs' dimensions tell the ends. */
export const slice: Rule = {
  obstacle: (operation) => {
    if (operation.inputs.slice(1).some((input) => input && !input.constant))
      return 'what it takes depends on the picture';
    const starts = integersOr(operation, 'starts', 1) ?? [];
    const axes = integersOr(operation, 'axes', 3) ?? starts.map((_, d) => d);
    const takes = (axis: number) => axisOf(axis, outputDims(operation).length) === 0;
    return axes.some(takes) ? 'it takes pictures out of a batch' : undefined;
  },
  forward: (graph, operation) => {
    const cuts = cutsOf(operation);
    const ends = cuts.map(({ axis, start, step }) => endOf(start, step, at(outputDims(operation), axis)));
    const lists = [cuts.map(({ start }) => start), ends, cuts.map(({ axis }) => axis), cuts.map(({ step }) => step)];
    return [graph.add('Slice', [operand(operation, 0).tensor, ...lists.map((list) => graph.integers(list))])];
  },
  backward: (graph, operation, _outputs, gradients) => {
    const whole = operand(operation, 0).dims;
    let gradient = tensorAt(gradients);
    let dims = [...outputDims(operation)];
    for (const cut of cutsOf(operation)) {
      gradient = widen(graph, gradient, dims, cut, at(whole, cut.axis));
      dims = dims.map((size, d) => (d === cut.axis ? at(whole, d) : size));
    }
    return [gradient];
  },
};

/** Puts the values of a slice back into their places along one dimension of a length, zeros in the others. */
function widen(graph: GraphWriter, slice: string, dims: readonly number[], cut: Cut, length: number): string {
  const { axis } = cut;
  const step = Math.abs(cut.step);
  const count = at(dims, axis);
  let values = slice;
  let first = cut.start;
  if (cut.step < 0) {
    const lists = [[-1], [-(2 ** 31)], [axis], [-1]].map((list) => graph.integers(list));
    values = graph.add('Slice', [values, ...lists]);
    first = cut.start - (count - 1) * step;
  }
  let spread = count;
  if (step > 1) {
    // A new dimension of length 1 is padded to the step, and merged: every value is followed by step - 1 zeros.
    const apart = [...dims.slice(0, axis + 1), 1, ...dims.slice(axis + 1)];
    const pads = padsOf(apart.length, axis + 1, 0, step - 1);
    spread = count * step;
    const merged = dims.map((size, d) => (d === axis ? spread : size));
    const padded = graph.add('Pad', [
      graph.add('Reshape', [values, graph.integers(forBatch(apart))]),
      graph.integers(pads),
    ]);
    values = graph.add('Reshape', [padded, graph.integers(forBatch(merged))]);
  }
  // Negative where the zeros after the last value would lie outside.
  return graph.add('Pad', [values, graph.integers(padsOf(dims.length, axis, first, length - first - spread))]);
}

function padsOf(rank: number, axis: number, before: number, after: number): number[] {
  const pads: number[] = Array(2 * rank).fill(0);
  pads[axis] = before;
  pads[rank + axis] = after;
  return pads;
}

function cutsOf(operation: Operation): Cut[] {
  const { dims } = operand(operation, 0);
  const starts = integersOr(operation, 'starts', 1) ?? [];
  const axes = integersOr(operation, 'axes', 3) ?? starts.map((_, d) => d);
  const steps = integersOr(operation, 'steps', 4) ?? starts.map(() => 1);
  return starts
    .map((start, i) => {
      const axis = axisOf(at(axes, i), dims.length);
      const [step, size] = [at(steps, i), at(dims, axis)];
      const counted = start < 0 ? start + size : start;
      return { axis, step, start: Math.max(0, Math.min(counted, step < 0 ? size - 1 : size)) };
    })
    .filter(({ axis, step }) => !(step === 1 && at(dims, axis) === at(outputDims(operation), axis)));
}

function endOf(start: number, step: number, count: number): number {
  const end = start + step * (count - 1) + Math.sign(step);
  return end < 0 ? -(2 ** 31) : end;
}

/** Zeros around a tensor. The lengths are an input from opset 11 on, an attribute before; negative ones cut off. */
export const pad: Rule = {
  obstacle: (operation) => {
    const { mode = 'constant' } = operation.attributes;
    if (mode !== 'constant') return `it repeats values at the edges (mode ${mode})`;
    return operation.inputs.slice(1).some((input) => input && !input.constant)
      ? 'its lengths depend on the picture'
      : undefined;
  },
  forward: (graph, operation) => {
    const value = operation.inputs[2]?.values?.[0] ?? operation.attributes.value;
    const filling = typeof value === 'number' && value !== 0 ? [graph.number(value)] : [];
    return [graph.add('Pad', [operand(operation, 0).tensor, graph.integers(allPads(operation)), ...filling])];
  },
  backward: (graph, operation, _outputs, gradients) => {
    const pads = allPads(operation).map((length) => -length);
    return [graph.add('Pad', [tensorAt(gradients), graph.integers(pads)])];
  },
};

/** The lengths before all dimensions, then after. */
function allPads(operation: Operation): number[] {
  const rank = operand(operation, 0).dims.length;
  const pads = integersOr(operation, 'pads', 1) ?? [];
  const axes = integersOr(operation, 'axes', 3)?.map((axis) => axisOf(axis, rank));
  const all: number[] = Array(2 * rank).fill(0);
  pads.forEach((length, i) => {
    const d = i % (pads.length / 2);
    all[(axes ? at(axes, d) : d) + (i < pads.length / 2 ? 0 : rank)] = length;
  });
  return all;
}
