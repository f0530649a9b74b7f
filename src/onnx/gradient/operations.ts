import { FLOAT } from '../file/tensor-types.js';
import type { Operand, Operation } from './rules/rule.js';
import { RULES } from './rules/rules.js';
import { notTrainable, type TailLayer, type Trunk } from './tail.js';

/** What is known of a tensor. */
interface KnownTensor {
  dims: readonly number[];
  /** Of a constant; undefined if its values are not known yet. */
  values: ArrayLike<number> | undefined;
}

/** Says what is known of a tensor by its name; undefined if nothing is. */
export type Knowledge = (tensor: string) => KnownTensor | undefined;

/**
 * A layer as an operation whose constants are those of the file.
 * @throws MenagerieError `not_trainable`, naming the layer
 */
export function operationOf(layer: TailLayer, trunk: Trunk, known: Knowledge): Operation {
  const { node } = layer;
  const fail = (why: string) => notTrainable(`layer "${node.name}" (${node.operator}) ${why}`);
  const dimsOf = (name: string) => known(name)?.dims ?? [];
  const inputs = layer.inputs.map((name): Operand | undefined => {
    if (name === '') return undefined;
    const constant = !trunk.activations.has(name);
    return { tensor: name, dims: dimsOf(name), constant, values: constant ? known(name)?.values : undefined };
  });
  const operation = {
    operator: node.operator,
    attributes: node.attributes,
    inputs,
    outputs: layer.outputs.map(dimsOf),
  };
  const why = obstacleOf(layer, trunk, operation);
  if (why !== undefined) throw fail(why);
  return operation;
}

/** Why an operation has no gradient, as the end of a sentence. */
function obstacleOf(
  { node, trained }: TailLayer,
  { model, quantised }: Trunk,
  operation: Operation,
): string | undefined {
  if ([...node.inputs, ...node.outputs].some((name) => quantised.has(name))) {
    return 'computes with integers: only a variant with float32 weights can be trained';
  }
  const rule = RULES.get(operation.operator);
  if (!rule) return 'has an operator without a gradient here';
  if (trained && (model.initializers.get(node.inputs[1] ?? '')?.dataType ?? FLOAT) !== FLOAT) {
    return 'has weights that are not float32';
  }
  const activations = operation.inputs.filter((input) => input && !input.constant).map((input) => input?.dims ?? []);
  if ([...activations, ...operation.outputs.slice(0, 1)].some(([batch]) => batch !== 1)) {
    return 'does not keep the pictures of a batch apart';
  }
  const own = rule.obstacle?.(operation);
  return own === undefined ? undefined : `cannot be trained through: ${own}`;
}
