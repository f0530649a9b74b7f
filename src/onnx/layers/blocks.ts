import { dominatorsOf, type LayerGraph, PICTURE } from './layer-graph.js';
import type { Layer } from './layers.js';

/** The layers between a fork and the join of its branches. */
export interface Block {
  /** residual: joined by addition. inception, fire, dense: concatenated. */
  kind: 'residual' | 'inception' | 'fire' | 'dense' | 'parallel';
  /** How the input of a residual block reaches the sum: unchanged, or through weighted layers that match the shape. */
  shortcut: 'identity' | 'projection' | null;
  /** The layers that reduce a fire module's channels before its branches. */
  squeeze: string[];
  /** Names of the layers of each branch, the longest first; an identity has none. */
  branches: string[][];
  /** The join, and an activation directly after it. */
  join: string[];
  output: number[];
}

/** A section of a network. */
export interface Part {
  /** A stage consists of blocks whose outputs have the same height and width; the other parts consist of layers. */
  kind: 'stem' | 'stage' | 'transition' | 'head' | 'layers';
  layers: string[];
  blocks: Block[];
  /** Shape of the output. */
  output: number[];
}

const JOINS = new Set(['Add', 'Sum', 'Concat']);
const ACTIVATIONS = new Set(['Relu', 'Clip', 'LeakyRelu', 'PRelu', 'Sigmoid', 'HardSwish', 'Elu', 'Tanh']);
/** Limits the time for malicious files: every block is traced back to its fork. */
const MAX_BLOCKS = 10_000;

interface Region {
  fork: number;
  join: number;
  /** The last layer of the block: the join, or the activation after it. */
  end: number;
  members: Set<number>;
}

/**
 * Divides a network into stem, stages of blocks, and head. A block consists of the layers between a join (an addition or a
 * concatenation of several layers' outputs) and the nearest layer from which all of its branches come.
 * @param layers the layers of the graph, in the same order
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
    const follower = (after.length === 1 ? after[0] : undefined) ?? PICTURE;
    const isActivated = ACTIVATIONS.has(graph.nodes[follower]?.operator ?? '');
    const end = isActivated ? follower : join;
    members.add(end);
    regions.push({ fork, join, end, members });
  });
  return regions;
}

/** The blocks that are not inside other blocks. */
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

/** The kind of a block. @param weightedLayers number of weighted layers in each branch */
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
  const isSqueeze = (i: number) => layers[i]?.weighted && layers[i]?.kernel?.every((k) => k === 1);
  if (isSqueeze(fork)) return [fork];
  const [before = PICTURE] = graph.sources[fork] ?? [];
  return ACTIVATIONS.has(graph.nodes[fork]?.operator ?? '') && isSqueeze(before) ? [before, fork] : [];
}

/** Describes a region as a block, and lists its layers: a fire module begins before its fork. */
function describeBlock(region: Region, graph: LayerGraph, layers: readonly Layer[]) {
  const { join, end, members } = region;
  const branches = branchesOf(region, graph);
  const weightedLayers = branches.map((branch) => branch.filter((i) => layers[i]?.weighted).length);
  const isSum = graph.nodes[join]?.operator !== 'Concat';
  const kind = kindOfBlock(branches, weightedLayers, isSum);
  const squeeze = kind === 'fire' ? squeezeOf(region, graph, layers) : [];
  const layer = (i: number): Layer => {
    const found = layers[i];
    if (!found) throw new RangeError(`There is no layer ${i}`);
    return found;
  };
  const names = (indices: readonly number[]) => indices.map((i) => layer(i).name);
  const block: Block = {
    kind,
    shortcut: isSum ? (Math.min(...weightedLayers) === 0 ? 'identity' : 'projection') : null,
    squeeze: names(squeeze),
    branches: branches.map(names),
    join: names([...new Set([join, end])]),
    output: layer(end).output,
  };
  return { block, end, members: [...squeeze, ...members] };
}
