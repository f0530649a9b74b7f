import { MenagerieError } from '../../core/errors.js';
import type { OnnxModel } from '../file/model.js';
import type { Node } from '../file/node.js';
import { type GraphRoles, rolesOf } from '../layers/graph-roles.js';
import { type LayerGraph, layerGraphOf } from '../layers/layer-graph.js';

/** How much of a network is trained: its last block, or all layers since the last downsampling. */
export type TailDepth = 'last-block' | 'stage';

/** Where a network is cut: the layers after it, up to the classifier, are its tail. Plain data. */
export interface TailCut {
  depth: TailDepth;
  /** The tensor whose values for each picture are the input of the tail. */
  tensor: string;
  /** Its dimensions without the batch. */
  dims: number[];
  /** The network's output: the classifier is found from it. */
  output: string;
  /** The number of values that are trained, those of the new head not counted. */
  weights: number;
  /** Layers of the tail that stay as they are because they have too many weights. */
  frozen: { layer: string; weights: number }[];
}

/** A layer of a tail. */
export interface TailLayer {
  /** As in the file. */
  node: Node;
  /** The batch normalisation directly after it, if that is folded into its weights. */
  fold: Node | undefined;
  /** Names of the tensors it takes, without identities between them. */
  inputs: string[];
  /** Names of its outputs, those of `fold` if there is one. */
  outputs: string[];
  /** Whether its weights are trained. */
  trained: boolean;
}

/** The layers of a network up to the classifier. */
export interface Trunk {
  model: OnnxModel;
  roles: GraphRoles;
  graph: LayerGraph;
  /** The classifier's input. */
  features: string;
  /** The layer that computes it. */
  last: number;
  /** Whether the classifier depends on a layer. */
  needed: ReadonlySet<number>;
  /** Tensors that hold activations: the picture, and what layers compute. All others are constants or depend on shapes. */
  activations: ReadonlySet<string>;
  /** Tensors that hold activations as integers, or that were made of these. */
  quantised: ReadonlySet<string>;
}

/** Operators that compute with integers, or convert to and from them. */
const QUANTISED = /^(Q[LG]|QuantizeLinear|DequantizeLinear|DynamicQuantize)|Integer$/;
/** The operators of layers with weights that can be trained. */
const TRAINABLE = new Set(['Conv', 'Gemm', 'MatMul']);

/**
 * Finds the classifier, which is the last layer with weights walking back from the output, and what comes before it.
 * @throws MenagerieError `not_trainable` if the network has no classifier, or nothing before it
 */
export function trunkOf(model: OnnxModel, output: string): Trunk {
  const roles = rolesOf(model);
  const graph = layerGraphOf(model, roles);
  const producers = new Map(graph.nodes.flatMap((node, i) => node.outputs.map((name) => [name, i] as const)));
  const data = (tensor: string | undefined): { node: Node; input: string } => {
    const node = graph.nodes[producers.get(roles.origin(tensor ?? '')) ?? -1];
    const [input] = node ? roles.varying(node.inputs) : [];
    if (!node || input === undefined) throw notTrainable('it has no convolution or fully connected layer at its end');
    return { node, input };
  };
  let classifier = data(output);
  while (!isTrainable(classifier.node, roles)) classifier = data(classifier.input);
  const features = roles.origin(classifier.input);
  const last = producers.get(features);
  if (last === undefined) throw notTrainable('it has no layer before its last one');
  const needed = new Set<number>();
  const pending = [last];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (next < 0 || needed.has(next)) continue;
    needed.add(next);
    pending.push(...(graph.sources[next] ?? []));
  }
  const activations = new Set([
    ...model.inputs.map(({ name }) => name),
    ...graph.nodes.flatMap(({ outputs }) => outputs),
  ]);
  const quantised = new Set(
    model.nodes
      .filter(({ operator, inputs }) => QUANTISED.test(operator) && roles.varying(inputs).length > 0)
      .flatMap(({ outputs }) => outputs),
  );
  return { model, roles, graph, features, last, needed, activations, quantised };
}

type TailStart = Pick<TailCut, 'tensor' | 'frozen'>;

/** The layers of a tail, in order. */
export function tailLayers({ model, roles, graph, needed, last }: Trunk, cut: TailStart): TailLayer[] {
  const from = graph.nodes.findIndex(({ outputs }) => outputs.includes(cut.tensor));
  const frozen = new Set(cut.frozen.map(({ layer }) => layer));
  const nodes = graph.nodes.slice(0, last + 1).filter((_, i) => i > from && needed.has(i));
  const folds = foldsOf(model, roles, nodes);
  const folded = new Set(folds.values());
  return nodes
    .filter((node) => !folded.has(node))
    .map((node): TailLayer => {
      const fold = folds.get(node);
      return {
        node,
        fold,
        inputs: node.inputs.map((name) => roles.origin(name)),
        outputs: (fold ?? node).outputs,
        trained: isTrainable(node, roles) && !frozen.has(node.name),
      };
    });
}

/** The names of a trained layer's weights and, if it has one, bias: those of its inputs 1 and 2. */
export function weightNames({ node }: TailLayer): string[] {
  return ['weight', 'bias'].map((role) => `tail/${node.outputs[0]}.${role}`);
}

/** Whether it is a layer with weights that are stored in the file. */
export function isTrainable({ operator, inputs }: Node, { constants }: GraphRoles): boolean {
  return TRAINABLE.has(operator) && constants.has(inputs[1] ?? '');
}

/** The batch normalisations that can be folded, by the convolution whose output only they take. */
function foldsOf(model: OnnxModel, roles: GraphRoles, nodes: readonly Node[]): Map<Node, Node> {
  const uses = new Map<string, number>();
  const taken = [...model.nodes.flatMap(({ inputs }) => inputs), ...model.outputs.map(({ name }) => name)];
  for (const name of taken) uses.set(name, (uses.get(name) ?? 0) + 1);
  const convolutions = new Map(
    nodes.filter((node) => node.operator === 'Conv' && isTrainable(node, roles)).map((node) => [node.outputs[0], node]),
  );
  const folds = new Map<Node, Node>();
  for (const node of nodes) {
    if (node.operator !== 'BatchNormalization') continue;
    const [input = '', ...statistics] = node.inputs;
    const convolution = convolutions.get(input);
    const isFrozen = statistics.every((name) => roles.constants.has(name)) && node.attributes.training_mode !== 1;
    if (convolution && uses.get(input) === 1 && isFrozen) folds.set(convolution, node);
  }
  return folds;
}

/** @param why as the end of a sentence that begins with what cannot be trained */
export function notTrainable(why: string): MenagerieError {
  return new MenagerieError('not_trainable', `The network's own layers cannot be trained: ${why}.`);
}
