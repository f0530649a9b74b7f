import { dominatorsOf, type LayerGraph, PICTURE } from './layer-graph.js';
import type { Layer } from './layers.js';

/** What a fork and the join of its branches make. */
export interface Block {
  /** residual: joined by addition. inception, fire, dense: concatenated. */
  kind: 'residual' | 'inception' | 'fire' | 'dense' | 'parallel';
  /** How the residual's input reaches the sum: as it is, or through a layer with weightedLayers that fits its shape. */
  shortcut: 'identity' | 'projection' | null;
  /** The layers that narrow a fire module's input before its branches. */
  squeeze: string[];
  /** Names of the layers of each branch, the longest first; an identity has none. */
  branches: string[][];
  /** The join, and an activation right after it. */
  join: string[];
  output: number[];
}

/** A part of a network from its input to its output. */
export interface Part {
  /** A stage holds blocks whose outputs have the same height and width; the others hold layers. */
  kind: 'stem' | 'stage' | 'transition' | 'head' | 'layers';
  layers: string[];
  blocks: Block[];
  /** Shape of what the part gives. */
  output: number[];
}

const JOINS = new Set(['Add', 'Sum', 'Concat']);
const ACTIVATIONS = new Set(['Relu', 'Clip', 'LeakyRelu', 'PRelu', 'Sigmoid', 'HardSwish', 'Elu', 'Tanh']);
/** Each is followed back to its fork, so that a file made to have very many would take for ever. */
const MAX_BLOCKS = 10_000;

interface Region {
  fork: number;
  join: number;
  /** The last layer of the block: the join, or the activation after it. */
  end: number;
  members: Set<number>;
}

/**
 * Reads a network as stem, stages of blocks, and head: a block is what lies between a join (an addition or a
 * concatenation of several layers' outputs) and the nearest layer that all of its branches come from.
 * @param layers those of the graph, in the same order
 */
export function partsOf(graph: LayerGraph, layers: readonly Layer[]): Part[] {
  const regions = outermost(regionsOf(graph)).map((region) => describeBlock(region, graph, layers));
  const inBlocks = new Set(regions.flatMap(({ members }) => [...members]));
  const parts: Part[] = [];
  const addLayers = (kind: Part['kind'], from: number, to: number) => {
    const between = layers.slice(from, to).filter((_, i) => !inBlocks.has(from + i));
    const output = between.at(-1)?.output;
    if (output) parts.push({ kind, layers: between.map(({ name }) => name), blocks: [], output });
  };
  let at = 0;
  for (const { block, members, end } of regions) {
    addLayers(at === 0 ? 'stem' : 'transition', at, Math.min(...members));
    const last = parts.at(-1);
    const sameSize = last?.kind === 'stage' && last.output.slice(2).join() === block.output.slice(2).join();
    if (sameSize) {
      last.blocks.push(block);
      last.output = block.output;
    } else parts.push({ kind: 'stage', layers: [], blocks: [block], output: block.output });
    at = end + 1;
  }
  addLayers(regions.length === 0 ? 'layers' : 'head', at, layers.length);
  return parts;
}

function regionsOf(graph: LayerGraph): Region[] {
  const dominators = dominatorsOf(graph);
  const regions: Region[] = [];
  graph.nodes.forEach((node, join) => {
    const sources = new Set(graph.sources[join]);
    if (!JOINS.has(node.operator) || sources.size < 2 || regions.length === MAX_BLOCKS) return;
    const fork = dominators[join] ?? PICTURE;
    const members = new Set([join]);
    const pending = [...sources];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (next === fork || next === PICTURE || members.has(next)) continue;
      members.add(next);
      pending.push(...(graph.sources[next] ?? []));
    }
    const after = graph.targets[join] ?? [];
    const follower = after.length === 1 ? (after[0] as number) : -1;
    const isActivated = ACTIVATIONS.has(graph.nodes[follower]?.operator ?? '');
    const end = isActivated ? follower : join;
    members.add(end);
    regions.push({ fork, join, end, members });
  });
  return regions;
}

/** Leaves out blocks inside other blocks. */
function outermost(regions: readonly Region[]): Region[] {
  return regions
    .filter(
      (region) =>
        !regions.some(
          (other) => other !== region && other.members.size > region.members.size && other.members.has(region.join),
        ),
    )
    .sort((a, b) => a.join - b.join);
}

/** The layers of each branch, from the join back to the fork; the longest first. */
function branchesOf({ fork, join, members }: Region, { sources }: LayerGraph): number[][] {
  const back = (source: number): number[] => {
    const seen = new Set<number>();
    const pending = [source];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (next === fork || seen.has(next) || !members.has(next)) continue;
      seen.add(next);
      pending.push(...(sources[next] ?? []));
    }
    return [...seen].sort((a, b) => a - b);
  };
  return (sources[join] ?? []).map(back).sort((a, b) => b.length - a.length);
}

/** What the branches make of the join. */
function kindOfBlock(branches: readonly number[][], weightedLayers: readonly number[], isSum: boolean): Block['kind'] {
  if (isSum) return 'residual';
  const isShared = branches.flat().length > new Set(branches.flat()).size;
  if (isShared) return 'parallel';
  if (branches.some((branch) => branch.length === 0)) return 'dense';
  if (branches.length >= 3) return 'inception';
  return weightedLayers.every((count) => count === 1) ? 'fire' : 'parallel';
}

/** The 1x1 convolution, and its activation, whose output a fire module's branches share. */
function squeezeOf({ fork }: Region, graph: LayerGraph, layers: readonly Layer[]): number[] {
  const isSqueeze = (i: number | undefined) =>
    layers[i ?? PICTURE]?.weighted && layers[i ?? PICTURE]?.kernel?.every((k) => k === 1);
  if (isSqueeze(fork)) return [fork];
  const [before] = graph.sources[fork] ?? [];
  return ACTIVATIONS.has(graph.nodes[fork]?.operator ?? '') && isSqueeze(before) ? [before as number, fork] : [];
}

/** A region as a block, and all that is in it: a fire module begins before its fork. */
function describeBlock(region: Region, graph: LayerGraph, layers: readonly Layer[]) {
  const { join, end, members } = region;
  const branches = branchesOf(region, graph);
  const weightedLayers = branches.map((branch) => branch.filter((i) => layers[i]?.weighted).length);
  const isSum = graph.nodes[join]?.operator !== 'Concat';
  const kind = kindOfBlock(branches, weightedLayers, isSum);
  const squeeze = kind === 'fire' ? squeezeOf(region, graph, layers) : [];
  const names = (indices: readonly number[]) => indices.map((i) => (layers[i] as Layer).name);
  const block: Block = {
    kind,
    shortcut: isSum ? (Math.min(...weightedLayers) === 0 ? 'identity' : 'projection') : null,
    squeeze: names(squeeze),
    branches: branches.map(names),
    join: names([...new Set([join, end])]),
    output: (layers[end] as Layer).output,
  };
  return { block, end, members: [...squeeze, ...members] };
}
