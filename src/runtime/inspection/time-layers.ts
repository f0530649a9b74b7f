import { InferenceSession, type Tensor } from 'onnxruntime-node';
import { median } from '../../core/median.js';
import type { Node } from '../../onnx/file/node.js';
import { kernelOf, type ProfileEvent, profiled } from '../networks/profile.js';
import type { LayerTimings } from './inspection.js';

/** Runs that a median is of, after one that warms up. */
const RUNS = 7;

/**
 * Milliseconds of every layer by ONNX Runtime's profile, the median of several runs. Optimised as far as layers stay
 * apart; beside it the whole network's time with all optimisations, as it is served.
 */
export async function timeLayers(
  file: string,
  nodes: readonly Node[],
  feeds: Record<string, Tensor>,
): Promise<LayerTimings> {
  const common = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 4 } as const;
  const served = await InferenceSession.create(file, { ...common, graphOptimizationLevel: 'all' });
  await served.run(feeds);
  const totals: number[] = [];
  for (let i = 0; i < RUNS; i++) {
    const started = performance.now();
    await served.run(feeds);
    totals.push(performance.now() - started);
  }
  await served.release();
  // Quantised layers are separate (de)quantisations and float layers until the next level.
  const graphOptimizationLevel = nodes.some(({ operator }) => operator === 'QuantizeLinear') ? 'extended' : 'basic';
  const { session, events } = await profiled(file, { ...common, graphOptimizationLevel }, async (opened) => {
    for (let i = 0; i <= RUNS; i++) await opened.run(feeds);
  });
  await session.release();
  return { totalMs: median(totals), layerMs: layerTimes(events, nodes) };
}

function layerTimes(events: readonly ProfileEvent[], nodes: readonly Node[]): Record<string, number> {
  const byIndex = new Map(
    nodes.filter(({ operator }) => operator !== 'Constant').map((node) => [node.index, node.name]),
  );
  const names = new Set(nodes.map(({ name }) => name));
  const samples = new Map<string, number[]>();
  for (const event of events) {
    const name = kernelOf(event);
    if (name === undefined) continue;
    // A fused layer has a number of its own, but the name of its first node.
    const layer = names.has(name) ? name : byIndex.get(Number(event.args?.node_index));
    if (layer !== undefined) samples.set(layer, [...(samples.get(layer) ?? []), event.dur / 1000]);
  }
  return Object.fromEntries([...samples].map(([layer, ms]) => [layer, median(ms.slice(-RUNS))]));
}
