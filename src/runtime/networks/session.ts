import './no-float16-array.js';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { bytesInMemory } from '../../core/byte-source.js';
import { MenagerieError } from '../../core/errors.js';
import { bytesAskedFor, isMemoryRefused, memoryExceeded } from '../../core/memory-errors.js';
import { PIXEL_TYPES, type PixelValues } from '../../core/pixels/pixel-type.js';
import { release } from '../../core/pixels/release.js';
import { countOf } from '../../core/shape.js';
import { type FeatureOutput, featureOutput } from '../../onnx/cut/features.js';
import { graphOutput } from '../../onnx/file/graph-output.js';
import { readModel } from '../../onnx/file/model.js';
import { cudaObstacle, cudaRequired, type Device, type Provider, planProviders } from '../device/providers.js';
import { loadFailure, runtimeReason } from '../device/runtime-reason.js';
import type { Weights } from '../weights/weights.js';
import { loadingBytes } from './network-memory.js';
import { type LayerTensor, type NetworkSpec, nameOf } from './network-spec.js';
import { layersElsewhere, profiled } from './profile.js';
import { inputDims, mismatch, quote, readSignature, type Signature } from './signature.js';

/** How to run networks. */
export interface RunSettings {
  device: Device;
  /** Threads that one network computes with. */
  threads: number;
  /** Rows of a batch; undefined: measured. */
  batch?: number | undefined;
  /** Bytes that a run may take, for the message of the error when it takes more. */
  runBytes?: number | undefined;
}

/** A session, and the provider that it runs on. */
export interface OpenedSession {
  session: InferenceSession;
  provider: Provider;
  fallback: string | undefined;
  layersOnCpu: string[];
  /** The output with the features; undefined if the network has none. */
  features?: { name: string; size: number };
}

/**
 * Creates a session with the manifest's output, which may be a tensor inside the graph that the file does not list, and with the
 * features of the network if it has some.
 * @param weights are released
 * @throws MenagerieError `provider_unavailable`, `unsupported_opset`, `unsupported_operator`, `invalid_network`,
 *   `signature_mismatch`, `memory_exceeded`
 */
export async function openSession(spec: NetworkSpec, weights: Weights, settings: RunSettings): Promise<OpenedSession> {
  const { name } = spec.output;
  const { missing, features } = addedOutputs(weights.model, name, spec.layer);
  const file = weights.model.length;
  const extended = new Uint8Array(file + missing.length + (features?.bytes.length ?? 0));
  extended.set(weights.model);
  extended.set(missing, file);
  extended.set(features?.bytes ?? [], file + missing.length);
  release(weights.model);
  const open = (length: number) => createSession(spec, { ...weights, model: extended.subarray(0, length) }, settings);
  try {
    if (features) {
      try {
        return { ...(await open(extended.length)), features: { name: features.name, size: features.size } };
      } catch (error) {
        // Whatever is wrong, the file must not be refused for what was added to it.
        if (!(error instanceof MenagerieError) || error.code === 'memory_exceeded') throw error;
      }
    }
    return await openPlain(spec, file, file + missing.length, open);
  } finally {
    for (const bytes of [extended, ...weights.external.map(({ data }) => data)]) release(bytes);
  }
}

async function openPlain(
  { output: { name } }: NetworkSpec,
  file: number,
  withOutput: number,
  open: (length: number) => Promise<OpenedSession>,
): Promise<OpenedSession> {
  const opened = await open(file);
  const { outputNames } = opened.session;
  if (outputNames.includes(name)) return opened;
  await opened.session.release();
  try {
    return await open(withOutput);
  } catch (error) {
    if (!(error instanceof MenagerieError && error.code === 'invalid_network')) throw error;
    throw mismatch(`the manifest names the output "${name}", the file has ${quote(outputNames)}`);
  }
}

/** What to append to a file for the output, if the file does not list it, and for the features. */
function addedOutputs(
  bytes: Uint8Array,
  output: string,
  layer: LayerTensor | undefined,
): { missing: Uint8Array; features: FeatureOutput | undefined } {
  try {
    const model = readModel(bytesInMemory(bytes));
    const isListed = (tensor: string) => model.outputs.some(({ name }) => name === tensor);
    const missing = isListed(output) ? new Uint8Array() : graphOutput(output);
    if (!layer) return { missing, features: featureOutput(model, output) };
    const { tensor: name, size } = layer;
    const added = isListed(name) || name === output ? new Uint8Array() : graphOutput(name);
    return { missing, features: { bytes: added, name, size } };
  } catch {
    // The runtime says what is wrong with the file.
    return { missing: graphOutput(output), features: undefined };
  }
}

async function createSession(spec: NetworkSpec, weights: Weights, settings: RunSettings): Promise<OpenedSession> {
  const { device } = settings;
  const plan = planProviders(device, cudaObstacle);
  let { fallback } = plan;
  let opened: OpenedSession | undefined;
  let failure: MenagerieError | undefined;
  for (const provider of plan.providers) {
    const options = { ...optionsFor(provider, spec, settings), externalData: weights.external };
    try {
      if (provider === 'cpu') {
        const session = await InferenceSession.create(weights.model, options);
        opened = { session, provider, fallback, layersOnCpu: [] };
      } else {
        // The runtime silently runs layers that CUDA does not support on the CPU; only its profile shows which.
        const use = (session: InferenceSession) => {
          const signature = readSignature(session, spec);
          const zeros = new PIXEL_TYPES[signature.type].array(countOf(signature.view));
          return runSession(session, spec.input.name, signature, zeros, 1, [spec.output.name]);
        };
        const { session, events } = await profiled(weights.model, options, use);
        opened = { session, provider, fallback, layersOnCpu: layersElsewhere(events, provider) };
      }
      break;
    } catch (error) {
      if (isMemoryRefused(error)) throw tooLittleMemory(spec, error);
      failure = loadFailure(`The runtime cannot load the network on ${provider}`, error, spec.file);
      fallback = `${provider}: ${runtimeReason(error, spec.file)}`;
    }
  }
  if (!opened) throw failure ?? new Error('there is no provider to try');
  // The CPU is tried even then: if it works, the device is at fault, and not the file.
  if (device === 'cuda-required' && opened.provider !== 'cuda') {
    await opened.session.release();
    throw cudaRequired(`it cannot be used: ${fallback}`);
  }
  return opened;
}

/**
 * Creates a session for the head of a network, on the CPU: it is small, and its features come from there.
 * @param bytes the ONNX file of the head alone
 * @throws MenagerieError `invalid_network`, `memory_exceeded`
 */
export async function openHead(spec: NetworkSpec, bytes: Uint8Array, settings: RunSettings): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(bytes, optionsFor('cpu', spec, settings));
  } catch (error) {
    if (isMemoryRefused(error)) throw tooLittleMemory(spec, error);
    throw loadFailure('The runtime cannot load the head of the network', error, spec.file);
  }
}

function optionsFor(
  provider: Provider,
  { loneThreads }: NetworkSpec,
  { threads }: RunSettings,
): InferenceSession.SessionOptions {
  return {
    executionProviders: [provider],
    intraOpNumThreads: loneThreads ?? threads,
    // Threads that spin between operators would take the cores from the requests that come meanwhile.
    ...(loneThreads === undefined ? {} : { extra: { session: { intra_op: { allow_spinning: '0' } } } }),
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
  };
}

/** The error for a network that was refused memory while it was loaded. */
export function tooLittleMemory(spec: NetworkSpec, error: unknown): MenagerieError {
  return memoryExceeded(`Loading ${nameOf(spec)}`, bytesAskedFor(error), loadingBytes(spec), error);
}

/**
 * Runs a network on normalised pixels.
 * @param values rows x values of a view
 * @param fetches names of outputs
 * @returns the outputs by name
 * @throws what the runtime throws
 */
export async function runSession(
  session: InferenceSession,
  input: string,
  signature: Signature,
  values: PixelValues,
  rows: number,
  fetches: readonly string[],
): Promise<InferenceSession.ReturnType> {
  const tensor = new Tensor(signature.type, values, inputDims(signature, rows));
  return await session.run({ [input]: tensor }, fetches);
}
