import { InferenceSession, Tensor } from 'onnxruntime-node';
import { MenagerieError } from '../../core/errors.js';
import { countOf } from '../../core/shape.js';
import { type OnnxModel, readModel } from '../../onnx/file/model.js';
import { type ProbeFeed, probeModel } from '../../onnx/file/probe-model.js';
import { TENSOR_TYPES } from '../../onnx/file/tensor-types.js';
import type { Observed } from '../../onnx/layers/layers.js';
import { summarise } from '../../onnx/layers/summary.js';
import { FileBytes } from '../networks/file-bytes.js';
import { bytesAskedFor, isMemoryRefused, memoryExceeded } from '../networks/memory-errors.js';
import type { Inspection, InspectRequest } from './inspection.js';
import { timeLayers } from './time-layers.js';

// Where it is there (Node 24), the runtime makes float16 tensors of it, and then takes them to be empty
// (https://github.com/microsoft/onnxruntime/pull/32323). Where it is not, Uint16Array does.
Reflect.deleteProperty(globalThis, 'Float16Array');

/**
 * Looks into an ONNX file: reads its structure, runs it once without weights to see every tensor's shape, and counts.
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
    const reason = firstLine(error as Error);
    throw new MenagerieError('invalid_network', `The runtime cannot run the network: ${reason}`, { cause: error });
  } finally {
    source.close();
  }
}

async function inspectSource(source: FileBytes, { file, inputShape, timing }: InspectRequest): Promise<Inspection> {
  const model = readModel(source);
  const dims = inputDims(model, inputShape);
  const probe = probeModel(source, model, dims);
  const observed = await observe(model, probe.bytes, probe.feeds, probe.fetches);
  const summary = summarise(model, observed);
  const inputs = Object.fromEntries(probe.feeds.slice(0, model.inputs.length).map((feed) => [feed.name, zeros(feed)]));
  const timings = timing ? await timeLayers(file, model.nodes, inputs) : undefined;
  const { opsets, producer, irVersion, untrained } = model;
  return { summary, opsets, producer, irVersion, untrained, fileBytes: source.length, timings };
}

/** One picture at a time where the file leaves it open; the asked-for shape for a network with one input. */
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
        throw badShape(`The input "${name}" is open (${dims?.join('x') ?? 'no shape'}): give it a shape.`);
      return [name, sizes];
    }),
  );
}

/** Runs the probe once and notes shape and type of every tensor. */
async function observe(
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
  const session = await createProbeSession(() =>
    InferenceSession.create(bytes, { graphOptimizationLevel: 'disabled', intraOpNumThreads: 1, logSeverityLevel: 4 }),
  );
  const results = await session
    .run(Object.fromEntries(feeds.map((feed) => [feed.name, zeros(feed)])))
    .catch((error: Error) => {
      if (isMemoryRefused(error)) throw error;
      const shape = feeds[0]?.dims.join('x');
      throw new MenagerieError(
        'invalid_input_shape',
        `The network cannot take an input of ${shape}: ${firstLine(error)}`,
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

/** The operating system gives zeroed memory that is not really there until it is written, so weights cost nothing. */
function zeros({ name, dataType, dims }: ProbeFeed): Tensor {
  const type = TENSOR_TYPES[dataType];
  if (!type?.array) throw badShape(`The input "${name}" is of a type that cannot be fed.`);
  return new Tensor(type.name as 'float32', new type.array(countOf(dims)) as Float32Array, dims);
}

async function createProbeSession(create: () => Promise<InferenceSession>): Promise<InferenceSession> {
  try {
    return await create();
  } catch (error) {
    if (isMemoryRefused(error)) throw error;
    const reason = firstLine(error as Error);
    if (/opset \d+ is under development|official released onnx opset/i.test(reason)) {
      throw new MenagerieError('unsupported_opset', `The runtime does not know the network's operator set: ${reason}`);
    }
    if (
      /No Op registered|not a registered function\/op|Could not find an implementation|NOT_IMPLEMENTED/i.test(reason)
    ) {
      throw new MenagerieError('unsupported_operator', `The runtime lacks an operator of the network: ${reason}`);
    }
    throw new MenagerieError('invalid_network', `The runtime cannot load the network: ${reason}`);
  }
}

/** A message of the runtime without the places in its own source, and of bearable length. */
function firstLine(error: Error): string {
  const line = error.message.split('\n', 1)[0] as string;
  return line.replace(/^\/onnxruntime_src\/\S+:\d+ .*?\) (?=\w)/, '').slice(0, 300);
}

function badShape(message: string): MenagerieError {
  return new MenagerieError('invalid_input_shape', message);
}
