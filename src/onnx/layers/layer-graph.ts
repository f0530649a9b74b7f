import type { OnnxModel } from '../file/model.js';
import type { Node } from '../file/node.js';
import type { GraphRoles } from './graph-roles.js';

/** The layers of a network as a graph: auxiliary nodes are left out, their neighbours joined. */
export interface LayerGraph {
  /** In execution order; an index stands for a layer in what follows. */
  nodes: Node[];
  /** The layers that a layer takes its inputs from; -1 is the picture. An input that comes twice stands twice. */
  sources: number[][];
  /** The layers that take a layer's output. */
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
    // Shapes computed on the way (a Reshape's second input) are no data: nothing that is a layer makes them.
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

/** For each layer the nearest one that every path from the picture to it passes: its immediate dominator. */
export function dominatorsOf({ nodes, sources }: LayerGraph): number[] {
  // Cooper, Harvey, Kennedy: A Simple, Fast Dominance Algorithm (2001); in execution order one pass is enough.
  const dominator: number[] = [];
  nodes.forEach((_, i) => {
    const [first = PICTURE, ...others] = sources[i] ?? [];
    dominator.push(
      others.reduce((a, b) => {
        let [x, y] = [a, b];
        while (x !== y) {
          if (x > y) x = dominator[x] as number;
          else y = dominator[y] as number;
        }
        return x;
      }, first),
    );
  });
  return dominator;
}

/** The most layers for which `counts` holds that lie on one path through the network. */
export function longestPath({ nodes, sources }: LayerGraph, counts: (node: Node) => boolean): number {
  const length: number[] = [];
  nodes.forEach((node, i) => {
    const before = Math.max(0, ...(sources[i] ?? []).map((source) => length[source] ?? 0));
    length.push(before + (counts(node) ? 1 : 0));
  });
  return Math.max(0, ...length);
}
