import type { OnnxModel } from '../file/model.js';
import type { Node } from '../file/node.js';

// Classifies the nodes of a graph: most nodes in a file are not layers.

/** The roles of nodes and tensors in a graph. */
export interface GraphRoles {
  /** Tensors that do not depend on the picture: weights, and tensors computed from weights alone. */
  constants: ReadonlySet<string>;
  /** The tensors among `tensors` that depend on the picture. */
  varying(tensors: readonly string[]): string[];
  /** Nodes that are not layers: constants, shape arithmetic, identities, (de)quantisation. */
  auxiliary: ReadonlySet<Node>;
  /** The tensor before identities and (de)quantisations; `tensor` itself if there are none. */
  origin(tensor: string): string;
}

/** Operators that return their first input unchanged, or in another number format. */
const PASS_ON = new Set(['Identity', 'Dropout', 'QuantizeLinear', 'DequantizeLinear', 'DynamicQuantizeLinear', 'Cast']);
/** Operators whose output depends on a shape, not on the picture. */
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
      const [input, output] = [node.inputs[0], node.outputs[0]];
      if (input !== undefined && output !== undefined) passedOn.set(output, input);
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
