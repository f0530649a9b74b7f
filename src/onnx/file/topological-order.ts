import { MenagerieError } from '../../core/errors.js';
import type { Node } from './node.js';

/**
 * Nodes so that each comes after those whose outputs it takes; files usually have them so already, and then the order
 * stays as it is.
 * @throws MenagerieError `cyclic_graph`
 */
export function topologicalOrder(nodes: readonly Node[]): Node[] {
  const producer = new Map<string, number>();
  nodes.forEach((node, i) => {
    for (const name of node.outputs) if (name !== '') producer.set(name, i);
  });
  const targets: number[][] = nodes.map(() => []);
  const missing = nodes.map((node, i) => {
    const sources = new Set(node.inputs.flatMap((name) => producer.get(name) ?? []));
    for (const source of sources) targets[source]?.push(i);
    return sources.size;
  });
  const ordered: Node[] = [];
  // Kahn's algorithm; of the nodes that can come next, always the first in the file.
  let pending = nodes.flatMap((_, i) => (missing[i] === 0 ? [i] : []));
  while (pending.length > 0) {
    const freed: number[] = [];
    for (const i of pending) {
      ordered.push(nodes[i] as Node);
      for (const target of targets[i] ?? []) {
        missing[target] = (missing[target] as number) - 1;
        if (missing[target] === 0) freed.push(target);
      }
    }
    pending = freed.sort((a, b) => a - b);
  }
  if (ordered.length < nodes.length) {
    const stuck = nodes.find((_, i) => (missing[i] as number) > 0);
    throw new MenagerieError('cyclic_graph', `The graph is cyclic: node "${stuck?.name}" depends on its own output.`);
  }
  return isOrdered(nodes, producer) ? [...nodes] : ordered;
}

function isOrdered(nodes: readonly Node[], producer: ReadonlyMap<string, number>): boolean {
  return nodes.every((node, i) => node.inputs.every((name) => (producer.get(name) ?? -1) < i));
}
