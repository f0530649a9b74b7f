import { at } from '../../core/at.js';
import type { OnnxModel } from '../file/model.js';
import type { Node } from '../file/node.js';
import type { GraphRoles } from './graph-roles.js';

/** The layers of a network as a graph, without auxiliary nodes, whose neighbours are connected directly. */
export interface LayerGraph {
  /** In execution order. Indices into this array identify layers below. */
  nodes: Node[];
  /** The layers from which each layer takes its inputs, -1 being the picture; with repetitions. */
  sources: number[][];
  /** The layers that take each layer's output. */
  targets: number[][];
}

export const PICTURE = -1;

export function layerGraphOf(model: OnnxModel, roles: GraphRoles): LayerGraph {
  const nodes = model.nodes.filter((node) => !roles.auxiliary.has(node));
  const producer = new Map<string, number>();
  const sources: number[][] = [];
  const targets: number[][] = nodes.map(() => []);
  nodes.forEach((node, i) => {
    const varying = roles.varying(node.inputs);
    // Computed shapes, such as a Reshape's second input, are not data: no layer produces them.
    const from = varying.flatMap((name) => producer.get(roles.origin(name)) ?? (isInput(name) ? PICTURE : []));
    sources.push(from);
    for (const source of new Set(from)) if (source !== PICTURE) targets[source]?.push(i);
    for (const name of node.outputs) producer.set(name, i);
  });
  return { nodes, sources, targets };

  function isInput(name: string): boolean {
    return model.inputs.some((input) => input.name === roles.origin(name));
  }
}

/** The immediate dominator of each layer: the nearest layer on every path from the picture to it. */
export function dominatorsOf({ nodes, sources }: LayerGraph): number[] {
  // Cooper, Harvey, Kennedy: A Simple, Fast Dominance Algorithm (2001); in execution order one pass is enough.
  const dominator: number[] = [];
  nodes.forEach((_, i) => {
    const [first = PICTURE, ...others] = sources[i] ?? [];
    dominator.push(
      others.reduce((a, b) => {
        let [x, y] = [a, b];
        while (x !== y) {
          if (x > y) x = at(dominator, x);
          else y = at(dominator, y);
        }
        return x;
      }, first),
    );
  });
  return dominator;
}

/** The most layers on one path through the network that satisfy `counts`. */
export function longestPath({ nodes, sources }: LayerGraph, counts: (node: Node) => boolean): number {
  const length: number[] = [];
  nodes.forEach((node, i) => {
    const before = Math.max(0, ...(sources[i] ?? []).map((source) => length[source] ?? 0));
    length.push(before + (counts(node) ? 1 : 0));
  });
  return Math.max(0, ...length);
}
