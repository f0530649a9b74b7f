import type { OnnxModel } from '../file/model.js';
import type { Node } from '../file/node.js';

// Which part a node plays in inference: most of the nodes of a file are not layers.

/** What the graph does with its nodes and tensors. */
export interface GraphRoles {
  /** Tensors whose values do not depend on the picture: weights, and what is computed of weights alone. */
  constants: ReadonlySet<string>;
  /** Those of the tensors that depend on the picture. */
  varying(tensors: readonly string[]): string[];
  /** Nodes that are not layers: constants, shape arithmetic, identities, (de)quantisation. */
  auxiliary: ReadonlySet<Node>;
  /** The tensor a tensor merely passes on: that before an identity or a (de)quantisation; itself otherwise. */
  origin(tensor: string): string;
}

/** Operators that hand their first input on unchanged, or in another number format. */
const PASS_ON = new Set(['Identity', 'Dropout', 'QuantizeLinear', 'DequantizeLinear', 'DynamicQuantizeLinear', 'Cast']);
/** Operators whose output says something of a shape, not of the picture. */
const SHAPE_OF = new Set(['Shape', 'Size']);

/** Finds the roles by following the graph from its weights and inputs. */
export function rolesOf({ nodes, initializers }: OnnxModel): GraphRoles {
  const constants = new Set<string>(initializers.keys());
  const shapes = new Set<string>();
  const auxiliary = new Set<Node>();
  const passedOn = new Map<string, string>();
  const varying = (tensors: readonly string[]) => tensors.filter((name) => name !== '' && !constants.has(name));
  for (const node of nodes) {
    const inputs = varying(node.inputs);
    const outputs = node.outputs.filter((name) => name !== '');
    if (inputs.length === 0 && !isRandom(node)) {
      for (const name of outputs) constants.add(name);
      auxiliary.add(node);
    } else if (SHAPE_OF.has(node.operator) || inputs.every((name) => shapes.has(name))) {
      for (const name of outputs) shapes.add(name);
      auxiliary.add(node);
    } else if (PASS_ON.has(node.operator)) {
      auxiliary.add(node);
      passedOn.set(node.outputs[0] as string, node.inputs[0] as string);
    }
  }
  const origin = (tensor: string): string => {
    let name = tensor;
    for (let before = passedOn.get(name); before !== undefined; before = passedOn.get(name)) name = before;
    return name;
  };
  return { constants, varying, auxiliary, origin };
}

function isRandom({ operator }: Node): boolean {
  return operator.startsWith('Random') || operator === 'Bernoulli' || operator === 'Multinomial';
}
