import { at } from '../../../core/at.js';
import { sumTo } from './arithmetic.js';
import { numberOf, operand, outputDims, type Rule, tensorAt } from './rule.js';

/** y = alpha a b + beta c, b as stored or transposed. */
export const gemm: Rule = {
  obstacle(operation) {
    if (numberOf(operation, 'transA', 0) !== 0) return 'it transposes the features';
    return operation.inputs[1]?.constant && (operation.inputs[2]?.constant ?? true)
      ? undefined
      : 'its weights depend on the picture';
  },
  forward(graph, operation) {
    const inputs = operation.inputs.map((input) => input?.tensor ?? '');
    const [alpha, beta] = [numberOf(operation, 'alpha', 1), numberOf(operation, 'beta', 1)];
    const transB = numberOf(operation, 'transB', 0);
    return [graph.add('Gemm', inputs, { alpha: { float: alpha }, beta: { float: beta }, transB })];
  },
  backward(graph, operation, _outputs, gradients) {
    const dy = tensorAt(gradients);
    const [a, b] = [operand(operation, 0), operand(operation, 1)];
    const c = operation.inputs[2];
    const alpha = { float: numberOf(operation, 'alpha', 1) };
    const transB = numberOf(operation, 'transB', 0);
    const [left, right] = transB === 1 ? [dy, a.tensor] : [a.tensor, dy];
    const beta = graph.number(numberOf(operation, 'beta', 1));
    return [
      graph.add('Gemm', [dy, b.tensor], { alpha, transB: 1 - transB }),
      graph.add('Gemm', [left, right], { alpha, transA: 1 }),
      c && sumTo(graph, graph.add('Mul', [dy, beta]), outputDims(operation), c),
    ];
  },
};

/** y = a b, where b is a constant matrix. */
export const matMul: Rule = {
  obstacle({ inputs: [a, b] }) {
    if (!b?.constant || a?.constant) return 'its second input is not a constant matrix';
    return b.dims.length === 2 ? undefined : `its constant has ${b.dims.length} dimensions instead of 2`;
  },
  forward: (graph, operation) => [graph.add('MatMul', [operand(operation, 0).tensor, operand(operation, 1).tensor])],
  backward(graph, operation, _outputs, gradients) {
    const dy = tensorAt(gradients);
    const [a, b] = [operand(operation, 0), operand(operation, 1)];
    const rows = (tensor: string, width: number) => graph.add('Reshape', [tensor, graph.integers([-1, width])]);
    return [
      graph.add('MatMul', [dy, graph.add('Transpose', [b.tensor], { perm: [1, 0] })]),
      graph.add('Gemm', [rows(a.tensor, at(b.dims, 0)), rows(dy, at(b.dims, 1))], { transA: 1 }),
    ];
  },
};
