import { InferenceSession, type Tensor } from 'onnxruntime-node';
import { median } from '../../core/median.js';
import type { Node } from '../../onnx/file/node.js';
import { kernelOf, type ProfileEvent, profiled } from '../networks/profile.js';
import type { LayerTimings } from './inspection.js';

/** Measured runs, after one that warms up. */
const RUNS = 7;

/**
 * Measures milliseconds for every layer, from ONNX Runtime's profile, with only those optimisations that do not merge layers; and
 * for the whole network with all optimisations, as in serving. All are medians of several runs.
 * @param feeds the inputs of the network, by name
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
  // At the basic level a quantised layer is still a float layer between (de)quantisations.
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
    // A fused layer has an index of its own, but the name of its first node.
    const layer = names.has(name) ? name : byIndex.get(Number(event.args?.node_index));
    if (layer !== undefined) samples.set(layer, [...(samples.get(layer) ?? []), event.dur / 1000]);
  }
  return Object.fromEntries([...samples].map(([layer, ms]) => [layer, median(ms.slice(-RUNS))]));
}
