import '../networks/no-float16-array.js';
import { InferenceSession, type Tensor } from 'onnxruntime-node';
import { MenagerieError } from '../../core/errors.js';
import { bytesAskedFor, isMemoryRefused, memoryExceeded } from '../../core/memory-errors.js';
import { type OnnxModel, readModel } from '../../onnx/file/model.js';
import { type ProbeFeed, probeModel } from '../../onnx/file/probe-model.js';
import { TENSOR_TYPES } from '../../onnx/file/tensor-types.js';
import type { Observed } from '../../onnx/layers/layers.js';
import { summarise } from '../../onnx/layers/summary.js';
import { loadFailure, runtimeReason } from '../device/runtime-reason.js';
import { createTensor } from '../networks/tensor.js';
import { FileBytes } from '../weights/file-bytes.js';
import type { Inspection, InspectRequest } from './inspection.js';
import { timeLayers } from './time-layers.js';

/**
 * Inspects an ONNX file: reads its structure, runs it once without weights to learn the shape of every tensor, and counts
 * parameters and operations.
 * @throws MenagerieError `not_onnx`, `cyclic_graph`, `unsupported_opset`, `unsupported_operator`, `invalid_network`,
 *   `invalid_input_shape`, `memory_exceeded`
 */
export async function inspect({ file, inputShape, timing }: InspectRequest): Promise<Inspection> {
  const source = new FileBytes(file);
  try {
    return await inspectSource(source, { file, inputShape, timing });
  } catch (error) {
    if (error instanceof MenagerieError) throw error;
    if (isMemoryRefused(error)) {
      const what = inputShape === undefined ? 'The network' : `The network with an input of ${inputShape.join('x')}`;
      throw memoryExceeded(what, bytesAskedFor(error), undefined, error);
    }
    const reason = runtimeReason(error, file);
    throw new MenagerieError('invalid_network', `The runtime cannot run the network: ${reason}`, { cause: error });
  } finally {
    source.close();
  }
}

/**
 * The shape of every tensor of a network, for one picture of the shape that the file states.
 * @throws MenagerieError as `inspect`
 */
export async function tensorShapes(file: string): Promise<Observed['shapes']> {
  const source = new FileBytes(file);
  try {
    const model = readModel(source);
    const probe = probeModel(source, model, inputDims(model, undefined));
    return (await observe(file, model, probe.bytes, probe.feeds, probe.fetches)).shapes;
  } finally {
    source.close();
  }
}

async function inspectSource(source: FileBytes, { file, inputShape, timing }: InspectRequest): Promise<Inspection> {
  const model = readModel(source);
  const dims = inputDims(model, inputShape);
  const probe = probeModel(source, model, dims);
  const observed = await observe(file, model, probe.bytes, probe.feeds, probe.fetches);
  const summary = summarise(model, observed);
  const inputs = Object.fromEntries(probe.feeds.slice(0, model.inputs.length).map((feed) => [feed.name, zeros(feed)]));
  const timings = timing ? await timeLayers(file, model.nodes, inputs) : undefined;
  const { opsets, producer, irVersion, untrained } = model;
  return { summary, opsets, producer, irVersion, untrained, fileBytes: source.length, timings };
}

/** The shapes of the inputs: as requested, for a network with one input; else the file's, with a batch of 1 if that is open. */
function inputDims({ inputs }: OnnxModel, wanted: readonly number[] | undefined): Map<string, number[]> {
  if (wanted && inputs.length !== 1)
    throw badShape(`The network has ${inputs.length} inputs; only one can be given a shape.`);
  return new Map(
    inputs.map(({ name, dims }) => {
      if (wanted) {
        if (dims && dims.length !== wanted.length) {
          throw badShape(
            `The input "${name}" has ${dims.length} dimensions (${dims.join('x')}), not ${wanted.length}.`,
          );
        }
        return [name, [...wanted]];
      }
      const sizes = (dims ?? ['?']).map((size, i) =>
        typeof size === 'number' && size > 0 ? size : i === 0 ? 1 : Number.NaN,
      );
      if (sizes.some(Number.isNaN))
        throw badShape(`The input "${name}" has no fixed shape (${dims?.join('x') ?? 'none'}): specify one.`);
      return [name, sizes];
    }),
  );
}

/** Runs the probe once and records the shape and type of every tensor. */
async function observe(
  file: string,
  model: OnnxModel,
  bytes: Uint8Array,
  feeds: readonly ProbeFeed[],
  fetches: string[],
): Promise<Observed> {
  const shapes = new Map<string, readonly number[]>();
  const types = new Map<string, number>();
  for (const { name, dims, dataType } of [...model.initializers.values(), ...feeds]) {
    shapes.set(name, dims);
    types.set(name, dataType);
  }
  const session = await createProbeSession(file, () =>
    InferenceSession.create(bytes, { graphOptimizationLevel: 'disabled', intraOpNumThreads: 1, logSeverityLevel: 4 }),
  );
  const results = await session
    .run(Object.fromEntries(feeds.map((feed) => [feed.name, zeros(feed)])))
    .catch((error: unknown) => {
      if (isMemoryRefused(error)) throw error;
      const shape = feeds[0]?.dims.join('x');
      throw new MenagerieError(
        'invalid_input_shape',
        `The network cannot take an input of ${shape}: ${runtimeReason(error, file)}`,
      );
    });
  const numbers = new Map(Object.entries(TENSOR_TYPES).map(([number, { name }]) => [name, Number(number)]));
  for (const name of fetches) {
    const tensor = results[name];
    if (!tensor) continue;
    shapes.set(name, tensor.dims);
    types.set(name, numbers.get(tensor.type) ?? 0);
  }
  await session.release();
  return { shapes, types };
}

/** A tensor of zeros. The operating system provides zeroed memory only when it is written to, so these tensors take no memory. */
function zeros({ name, dataType, dims }: ProbeFeed): Tensor {
  const tensor = createTensor(TENSOR_TYPES[dataType]?.name ?? '', dims);
  if (!tensor) throw badShape(`The input "${name}" is of a type that cannot be fed.`);
  return tensor;
}

async function createProbeSession(file: string, create: () => Promise<InferenceSession>): Promise<InferenceSession> {
  try {
    return await create();
  } catch (error) {
    if (isMemoryRefused(error)) throw error;
    throw loadFailure('The runtime cannot load the network', error, file);
  }
}

function badShape(message: string): MenagerieError {
  return new MenagerieError('invalid_input_shape', message);
}
