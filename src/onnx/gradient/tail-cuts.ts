import type { OnnxModel } from '../file/model.js';
import { partsOf } from '../layers/blocks.js';
import type { Shapes } from '../layers/costs.js';
import { layersOf } from '../layers/layers.js';
import { type CutCandidate, cutCandidates, largeLayers } from './cut-candidates.js';
import { operationOf } from './operations.js';
import { notTrainable, type TailCut, type TailDepth, type Trunk, tailLayers, trunkOf } from './tail.js';

/**
 * Where to cut a network, for each of some depths.
 * - `last-block`: the last block, or what follows it if that has weights beside the classifier's; without blocks the last layer.
 * - `stage`: the layers since the last downsampling, that included.
 *
 * Layers that are not trained do not count, and no tail begins with them. A tail begins after local response normalisation.
 * @param shapes of all tensors, for one picture
 * @param output the network's output
 * @throws MenagerieError `not_trainable`, naming the layer of the tail that has no gradient
 */
export function tailCuts(model: OnnxModel, shapes: Shapes, output: string, depths: readonly TailDepth[]): TailCut[] {
  const trunk = trunkOf(model, output);
  const large = largeLayers(trunk, shapes);
  const candidates = cutCandidates(trunk, shapes, large);
  const sections = sectionsOf(trunk, shapes);
  return depths.map((depth) => {
    const wanted = depth === 'stage' ? stage(candidates, sections) : lastBlock(candidates, sections);
    const chosen = candidates[withoutIdleLayers(candidates, afterLrn(trunk, candidates, wanted))];
    if (!chosen || chosen.trained === 0)
      throw notTrainable('no layer before the classifier has weights that can be trained');
    const { tensor, dims, trained, index } = chosen;
    const frozen = large.filter((each) => each.index > index).map(({ layer, weights }) => ({ layer, weights }));
    const cut: TailCut = { depth, tensor, dims: dims.slice(1), output, weights: trained, frozen };
    for (const layer of tailLayers(trunk, cut)) {
      operationOf(layer, trunk, (name) => {
        const known = shapes.get(name);
        return known && { dims: known, values: model.initializers.get(name)?.integers };
      });
    }
    return cut;
  });
}

/** A block, or the layers between blocks, by its first layer; layers of networks without blocks are sections of their own. */
interface Section {
  kind: 'block' | 'between' | 'layer';
  first: number;
}

/** The sections of a network, the last one first. */
function sectionsOf({ model, roles, graph, last }: Trunk, shapes: Shapes): Section[] {
  const layers = layersOf(model, roles, { shapes, types: new Map() }).filter(({ auxiliary }) => !auxiliary);
  const position = new Map(layers.map(({ name }, i) => [name, i]));
  const first = (names: readonly string[]) => Math.min(...names.map((name) => position.get(name) ?? 0));
  const sections = partsOf(graph, layers).flatMap(({ kind, layers: names, blocks }): Section[] => {
    if (kind === 'layers') return names.map((name) => ({ kind: 'layer', first: first([name]) }));
    if (kind !== 'stage') return [{ kind: 'between', first: first(names) }];
    return blocks.map(({ squeeze, branches, join }): Section => {
      return { kind: 'block', first: first([...squeeze, ...branches.flat(), ...join]) };
    });
  });
  return sections.filter((section) => section.first <= last).reverse();
}

/** The last section in which something is trained. @returns a position in `candidates` */
function lastBlock(candidates: readonly CutCandidate[], sections: readonly Section[]): number {
  for (const { first } of sections) {
    const start = candidates.findIndex(({ index }) => index < first);
    if ((candidates[start]?.trained ?? 0) > 0) return start;
  }
  return candidates.length - 1;
}

/**
 * The layers from the last downsampling on at or after which something is trained. If it lies inside the layers between blocks,
 * as in MobileNets, these belong to the tail whole: they are narrow at their ends, so there is less to keep on disk.
 * @returns a position in `candidates`
 */
function stage(candidates: readonly CutCandidate[], sections: readonly Section[]): number {
  const start = candidates.findIndex(({ area, trained }, i) => trained > 0 && area > (candidates[i - 1]?.area ?? area));
  const found = candidates[start];
  if (!found) return candidates.length - 1;
  const place = sections.findIndex(({ first }) => first <= found.index);
  const section = sections[place];
  if (section?.kind !== 'between' || place === sections.length - 1) return start;
  const next = sections[place - 1]?.first ?? Number.POSITIVE_INFINITY;
  const trainedAfter = candidates.find(({ index }) => index < next)?.trained ?? 0;
  return trainedAfter < found.trained ? candidates.findIndex(({ index }) => index < section.first) : start;
}

/** Local response normalisation has no gradient here: the tail begins after it, where all layers come through it. */
function afterLrn({ graph, needed }: Trunk, candidates: readonly CutCandidate[], start: number): number {
  const lrn = graph.nodes.findLastIndex(({ operator }, i) => operator === 'LRN' && needed.has(i));
  const after = candidates.findIndex(({ index }) => index === lrn);
  return after < 0 ? start : Math.min(start, after);
}

/** Moves a cut over layers that are not trained: what they compute is kept instead. */
function withoutIdleLayers(candidates: readonly CutCandidate[], start: number): number {
  let position = start;
  while (position > 0 && candidates[position - 1]?.trained === candidates[position]?.trained) position--;
  return position;
}
