import { InferenceSession, Tensor } from 'onnxruntime-node';
import { bytesInMemory } from '../../src/core/byte-source.js';
import { countOf } from '../../src/core/shape.js';
import { readModel } from '../../src/onnx/file/model.js';
import { probeModel } from '../../src/onnx/file/probe-model.js';
import type { TailCut } from '../../src/onnx/gradient/tail.js';
import { type TailGraph, type TailObserved, tailGraph } from '../../src/onnx/gradient/tail-graph.js';
import { tailProbe } from '../../src/onnx/gradient/tail-probe.js';
import type { Shapes } from '../../src/onnx/layers/costs.js';
import { createTensor } from '../../src/runtime/networks/tensor.js';

/** Values for the inputs of a graph. */
export type Feeds = Record<string, Tensor>;

export function floats(values: ArrayLike<number>, dims: readonly number[]): Tensor {
  return new Tensor('float32', Float32Array.from(values), dims);
}

function zeros(dims: readonly number[]): Tensor {
  return floats(new Float32Array(countOf(dims)), dims);
}

/** Runs a graph once on one thread. */
export async function runOnce(bytes: Uint8Array, feeds: Feeds, optimise = true): Promise<Record<string, Tensor>> {
  const session = await InferenceSession.create(bytes, {
    graphOptimizationLevel: optimise ? 'all' : 'disabled',
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const results = await session.run(feeds);
  await session.release();
  return { ...results };
}

/** The shape of every tensor of a network, for one picture. */
export async function shapesOf(bytes: Uint8Array): Promise<Shapes> {
  const source = bytesInMemory(bytes);
  const model = readModel(source);
  const dims = model.inputs.map(({ name, dims = [] }) => {
    return [name, dims.map((size) => (typeof size === 'number' && size > 0 ? size : 1))] as const;
  });
  const probe = probeModel(source, model, new Map(dims));
  const names = ['', 'float32', 'uint8', 'int8', 'uint16', 'int16', 'int32', 'int64', '', 'bool', 'float16', 'float64'];
  const feeds = probe.feeds.map(({ name, dims, dataType }) => {
    const tensor = createTensor(names[dataType] ?? '', dims);
    if (!tensor) throw new Error(`${name} cannot be fed`);
    return [name, tensor] as const;
  });
  const results = await runOnce(probe.bytes, Object.fromEntries(feeds), false);
  const shapes = new Map<string, readonly number[]>();
  for (const { name, dims } of [...model.initializers.values(), ...probe.feeds]) shapes.set(name, dims);
  for (const [name, tensor] of Object.entries(results)) shapes.set(name, tensor.dims);
  return shapes;
}

/** Runs the probe of a tail. */
export async function observe(bytes: Uint8Array, cut: TailCut): Promise<TailObserved> {
  const probe = tailProbe(bytes, cut);
  return runOnce(probe.bytes, { [probe.input]: zeros(probe.dims) }, false);
}

/** The training graph of a tail. */
export async function trainingGraph(bytes: Uint8Array, cut: TailCut, classes: number): Promise<TailGraph> {
  return tailGraph(bytes, cut, classes, await observe(bytes, cut));
}

/** The inputs of a training graph. */
export function trainingFeeds(graph: TailGraph, activations: Tensor, targets: Tensor): Feeds {
  const weights = graph.weights.map(({ name, values, dims }) => [name, floats(values, dims)] as const);
  return { activations, targets, ...Object.fromEntries(weights) };
}

/** Numbers from 0 to 1, always the same: those of scripts/reference/onnx_in_torch.py. */
export function noise(seed: number, count: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => {
    let x = (Math.imul(i, 2654435761) + seed * 40503) >>> 0;
    x = (x ^ (x >>> 16)) >>> 0;
    x = Math.imul(x, 2246822519) >>> 0;
    return ((x ^ (x >>> 13)) >>> 0) / 2 ** 32;
  });
}
