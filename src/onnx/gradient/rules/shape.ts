import { at } from '../../../core/at.js';
import type { GraphWriter } from '../../file/graph-writer.js';
import { axisOf, forBatch, numberOf, type Operation, operand, outputDims, type Rule, tensorAt } from './rule.js';

/** Flatten, Reshape, Squeeze, Unsqueeze: the same values in other dimensions. */
export const reshape: Rule = {
  forward: (graph, operation) => {
    const dims = graph.integers(forBatch(outputDims(operation)));
    return [graph.add('Reshape', [operand(operation, 0).tensor, dims])];
  },
  backward: (graph, operation, _outputs, gradients) => {
    const dims = graph.integers(forBatch(operand(operation, 0).dims));
    return [graph.add('Reshape', [tensorAt(gradients), dims])];
  },
};

export const transpose: Rule = {
  obstacle: (operation) => (permutationOf(operation)[0] === 0 ? undefined : 'it moves the batch dimension'),
  forward: (graph, operation) => [
    graph.add('Transpose', [operand(operation, 0).tensor], { perm: permutationOf(operation) }),
  ],
  backward: (graph, operation, _outputs, gradients) => {
    const permutation = permutationOf(operation);
    const inverse = permutation.map((_, d) => permutation.indexOf(d));
    return [graph.add('Transpose', [tensorAt(gradients)], { perm: inverse })];
  },
};

function permutationOf(operation: Operation): number[] {
  const { perm } = operation.attributes;
  return Array.isArray(perm)
    ? perm
    : operand(operation, 0)
        .dims.map((_, d) => d)
        .reverse();
}

export const concat: Rule = {
  obstacle: (operation) => {
    if (operation.inputs.some((input) => input?.constant)) return 'it appends a constant';
    return concatAxis(operation) === 0 ? 'it joins the pictures of a batch' : undefined;
  },
  forward: (graph, operation) => {
    const inputs = operation.inputs.map((input) => input?.tensor ?? '');
    return [graph.add('Concat', inputs, { axis: concatAxis(operation) })];
  },
  backward: (graph, operation, _outputs, gradients) => {
    const axis = concatAxis(operation);
    const sizes = operation.inputs.map((input) => at(input?.dims ?? [], axis));
    return graph.addWithOutputs('Split', [tensorAt(gradients), graph.integers(sizes)], { axis }, sizes.length);
  },
};

function concatAxis(operation: Operation): number {
  return axisOf(numberOf(operation, 'axis', 1), outputDims(operation).length);
}

export const split: Rule = {
  obstacle: (operation) => (splitAxis(operation) === 0 ? 'it parts the pictures of a batch' : undefined),
  forward: (graph, operation) => {
    const axis = splitAxis(operation);
    const sizes = operation.outputs.map((dims) => at(dims, axis));
    const inputs = [operand(operation, 0).tensor, graph.integers(sizes)];
    return graph.addWithOutputs('Split', inputs, { axis }, sizes.length);
  },
  backward: (graph, operation, outputs, gradients) => {
    const parts = outputs.map((output, i) => gradients[i] ?? zerosLike(graph, output));
    return [graph.add('Concat', parts, { axis: splitAxis(operation) })];
  },
};

function splitAxis(operation: Operation): number {
  return axisOf(numberOf(operation, 'axis', 0), operand(operation, 0).dims.length);
}

function zerosLike(graph: GraphWriter, tensor: string): string {
  return graph.add('ConstantOfShape', [graph.add('Shape', [tensor])]);
}
