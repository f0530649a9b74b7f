import { MenagerieError } from '../../core/errors.js';
import type { Node } from './node.js';

interface Vertex {
  node: Node;
  /** Position in the file. */
  index: number;
  /** Number of nodes before it that are not in the order yet. */
  missing: number;
  /** The nodes that take its outputs. */
  targets: Vertex[];
}

/**
 * Sorts nodes so that each comes after those whose outputs it takes. Nodes that are in such an order, as in most files, stay in
 * it.
 * @throws MenagerieError `cyclic_graph`
 */
export function topologicalOrder(nodes: readonly Node[]): Node[] {
  const producers = new Map<string, Vertex>();
  const vertices = nodes.map((node, index): Vertex => ({ node, index, missing: 0, targets: [] }));
  for (const vertex of vertices) {
    for (const name of vertex.node.outputs) if (name !== '') producers.set(name, vertex);
  }
  for (const vertex of vertices) {
    const sources = new Set(vertex.node.inputs.flatMap((name) => producers.get(name) ?? []));
    for (const source of sources) source.targets.push(vertex);
    vertex.missing = sources.size;
  }
  const ordered: Node[] = [];
  // Kahn's algorithm, in rounds; the nodes of a round are in the order of the file.
  let pending = vertices.filter(({ missing }) => missing === 0);
  while (pending.length > 0) {
    const freed: Vertex[] = [];
    for (const { node, targets } of pending) {
      ordered.push(node);
      for (const target of targets) {
        target.missing--;
        if (target.missing === 0) freed.push(target);
      }
    }
    pending = freed.sort((a, b) => a.index - b.index);
  }
  if (ordered.length < nodes.length) {
    const stuck = vertices.find(({ missing }) => missing > 0);
    throw new MenagerieError(
      'cyclic_graph',
      `The graph is cyclic: node "${stuck?.node.name}" depends on its own output.`,
    );
  }
  return isOrdered(vertices, producers) ? [...nodes] : ordered;
}

function isOrdered(vertices: readonly Vertex[], producers: ReadonlyMap<string, Vertex>): boolean {
  return vertices.every(({ node, index }) => node.inputs.every((name) => (producers.get(name)?.index ?? -1) < index));
}
