import './no-float16-array.js';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { MenagerieError } from '../../core/errors.js';
import { bytesAskedFor, isMemoryRefused, memoryExceeded } from '../../core/memory-errors.js';
import { PIXEL_TYPES, type PixelValues } from '../../core/pixels/pixel-type.js';
import { release } from '../../core/pixels/release.js';
import { countOf } from '../../core/shape.js';
import { graphOutput } from '../../onnx/file/graph-output.js';
import { cudaObstacle, cudaRequired, type Device, type Provider, planProviders } from '../device/providers.js';
import { loadFailure, runtimeReason } from '../device/runtime-reason.js';
import { readWeights, type Weights } from '../weights/weights.js';
import { loadingBytes } from './network-memory.js';
import { type NetworkSpec, nameOf } from './network-spec.js';
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
}

/**
 * Reads and verifies the weights and creates a session from them. The bytes are released afterwards.
 * @throws MenagerieError what readWeights throws; `provider_unavailable`, `unsupported_opset`, `unsupported_operator`,
 *   `invalid_network`, `signature_mismatch`, `memory_exceeded`
 */
export async function openVerified(
  spec: NetworkSpec,
  settings: RunSettings,
): Promise<OpenedSession & { sha256: string }> {
  let weights: Weights;
  try {
    weights = readWeights(spec.file, spec);
  } catch (error) {
    throw isMemoryRefused(error)
      ? memoryExceeded(`Loading ${nameOf(spec)}`, spec.bytes, loadingBytes(spec), error)
      : error;
  }
  try {
    return { ...(await openOutput(spec, weights, settings)), sha256: weights.sha256 };
  } finally {
    for (const bytes of [weights.model, ...weights.external.map(({ data }) => data)]) release(bytes);
  }
}

/** Creates a session that has the manifest's output, which may be a tensor inside the graph that the file does not list. */
async function openOutput(spec: NetworkSpec, weights: Weights, settings: RunSettings): Promise<OpenedSession> {
  const opened = await createSession(spec, weights, settings);
  const { outputNames } = opened.session;
  const { name } = spec.output;
  if (outputNames.includes(name)) return opened;
  await opened.session.release();
  const added = graphOutput(name);
  const model = new Uint8Array(weights.model.length + added.length);
  model.set(weights.model);
  model.set(added, weights.model.length);
  try {
    return await createSession(spec, { ...weights, model }, settings);
  } catch (error) {
    if (!(error instanceof MenagerieError && error.code === 'invalid_network')) throw error;
    throw mismatch(`the manifest names the output "${name}", the file has ${quote(outputNames)}`);
  } finally {
    release(model);
  }
}

async function createSession(
  spec: NetworkSpec,
  weights: Weights,
  { device, threads }: RunSettings,
): Promise<OpenedSession> {
  const plan = planProviders(device, cudaObstacle);
  let { fallback } = plan;
  let opened: OpenedSession | undefined;
  let failure: MenagerieError | undefined;
  for (const provider of plan.providers) {
    const options: InferenceSession.SessionOptions = {
      executionProviders: [provider],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
      externalData: weights.external,
    };
    try {
      if (provider === 'cpu') {
        const session = await InferenceSession.create(weights.model, options);
        opened = { session, provider, fallback, layersOnCpu: [] };
      } else {
        // The runtime silently runs layers that CUDA does not support on the CPU; only its profile shows which.
        const use = (session: InferenceSession) => {
          const signature = readSignature(session, spec);
          const zeros = new PIXEL_TYPES[signature.type].array(countOf(signature.view));
          return runSession(session, spec, signature, zeros, 1);
        };
        const { session, events } = await profiled(weights.model, options, use);
        opened = { session, provider, fallback, layersOnCpu: layersElsewhere(events, provider) };
      }
      break;
    } catch (error) {
      if (isMemoryRefused(error)) {
        throw memoryExceeded(`Loading ${nameOf(spec)}`, bytesAskedFor(error), loadingBytes(spec), error);
      }
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
 * Runs a network on normalised pixels.
 * @param values rows x values of a view
 * @returns the output tensor
 * @throws what the runtime throws
 */
export async function runSession(
  session: InferenceSession,
  spec: NetworkSpec,
  signature: Signature,
  values: PixelValues,
  rows: number,
): Promise<Tensor | undefined> {
  const input = new Tensor(signature.type, values, inputDims(signature, rows));
  const { name } = spec.output;
  return (await session.run({ [spec.input.name]: input }, [name]))[name];
}
