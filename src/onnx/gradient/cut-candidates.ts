import { at } from '../../core/at.js';
import { countOf } from '../../core/shape.js';
import type { Shapes } from '../layers/costs.js';
import { dominatorsOf } from '../layers/layer-graph.js';
import { isTrainable, type Trunk, tailLayers } from './tail.js';

/** A layer through which everything before it reaches the classifier: the network can be cut after it. */
export interface CutCandidate {
  /** Among the layers. */
  index: number;
  tensor: string;
  /** For one picture. */
  dims: readonly number[];
  /** Height times width; 1 for features. */
  area: number;
  /** The number of values that are trained if the network is cut here. */
  trained: number;
}

/** A layer with too many weights to train them. */
export interface LargeLayer {
  index: number;
  layer: string;
  weights: number;
}

/**
 * A layer with more weights is not trained: its gradient and the optimiser's statistics take three times its memory, and a few
 * thousand pictures do not determine so many values.
 */
const MAX_TRAINED_WEIGHTS = 10_000_000;

export function largeLayers({ graph, needed, roles }: Trunk, shapes: Shapes): LargeLayer[] {
  return graph.nodes.flatMap((node, index) => {
    const weights = countOf(shapes.get(node.inputs[1] ?? '') ?? []);
    const isLarge = needed.has(index) && isTrainable(node, roles) && weights > MAX_TRAINED_WEIGHTS;
    return isLarge ? [{ index, layer: node.name, weights }] : [];
  });
}

/** Where a network can be cut, from the last layer before the classifier to the first one of the network. */
export function cutCandidates(trunk: Trunk, shapes: Shapes, large: readonly LargeLayer[]): CutCandidate[] {
  const { graph, roles, last } = trunk;
  const dominators = dominatorsOf(graph);
  const taken = new Set(graph.nodes.flatMap(({ inputs }) => inputs.map((name) => roles.origin(name))));
  const counts = trainedCounts(trunk, shapes, large);
  const candidates: CutCandidate[] = [];
  let trained = 0;
  let counted = last;
  for (let index = last; index >= 0; index = at(dominators, index)) {
    for (; counted > index; counted--) trained += counts.get(counted) ?? 0;
    const [tensor = '', ...others] = graph.nodes[index]?.outputs ?? [];
    if (others.some((name) => taken.has(name))) continue;
    const dims = shapes.get(tensor) ?? [];
    candidates.push({ index, tensor, dims, area: countOf(dims.slice(2)), trained });
  }
  return candidates;
}

/** The number of trained values of each layer that has any. */
function trainedCounts(trunk: Trunk, shapes: Shapes, large: readonly LargeLayer[]): Map<number, number> {
  const position = new Map(trunk.graph.nodes.map((node, i) => [node, i]));
  const count = (name: string | undefined) => (name ? countOf(shapes.get(name) ?? []) : 0);
  const counts = new Map<number, number>();
  for (const { node, fold, trained } of tailLayers(trunk, { tensor: '', frozen: [...large] })) {
    const bias = fold ? fold.inputs[1] : node.inputs[2];
    if (trained) counts.set(position.get(node) ?? -1, count(node.inputs[1]) + count(bias));
  }
  return counts;
}
