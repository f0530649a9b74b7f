import { InferenceSession, Tensor } from 'onnxruntime-node';
import { MenagerieError } from '../../core/errors.js';
import { inputShape } from '../../core/manifest/input-shape.js';
import { bytesAskedFor, isMemoryRefused, memoryExceeded } from '../../core/memory-errors.js';
import { release } from '../../core/pixels/release.js';
import { countOf } from '../../core/shape.js';
import {
  cudaObstacle,
  cudaRequired,
  type Device,
  type Provider,
  planProviders,
  runtimeReason,
} from '../device/providers.js';
import { loadingBytes } from './network-memory.js';
import { type NetworkSpec, nameOf } from './network-spec.js';
import { layersElsewhere, profiled } from './profile.js';
import { readWeights, type Weights } from './weights.js';

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
 * @throws MenagerieError what readWeights throws; `provider_unavailable`, `invalid_network`, `memory_exceeded`
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
    return { ...(await createSession(spec, weights, settings)), sha256: weights.sha256 };
  } finally {
    for (const bytes of [weights.model, ...weights.external.map(({ data }) => data)]) release(bytes);
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
        const zeros = new Float32Array(countOf(inputShape(spec, 1)));
        const use = (session: InferenceSession) => runSession(session, spec, zeros, 1);
        const { session, events } = await profiled(weights.model, options, use);
        opened = { session, provider, fallback, layersOnCpu: layersElsewhere(events, provider) };
      }
      break;
    } catch (error) {
      if (isMemoryRefused(error)) {
        throw memoryExceeded(`Loading ${nameOf(spec)}`, bytesAskedFor(error), loadingBytes(spec), error);
      }
      fallback = `${provider}: ${runtimeReason(error, spec.file)}`;
    }
  }
  if (!opened) throw new MenagerieError('invalid_network', `The runtime cannot load the network on ${fallback}`);
  // The CPU is tried even then: if it works, the device is at fault, and not the file.
  if (device === 'cuda-required' && opened.provider !== 'cuda') {
    await opened.session.release();
    throw cudaRequired(`it cannot be used: ${fallback}`);
  }
  return opened;
}

/**
 * Checks the inputs and outputs of a network against its manifest.
 * @returns whether the network takes batches of more than one row
 * @throws MenagerieError `signature_mismatch`
 */
export function checkSignature(session: InferenceSession, spec: NetworkSpec): boolean {
  const { name } = spec.input;
  const [only, ...others] = session.inputMetadata;
  if (others.length > 0 || only?.name !== name) {
    throw mismatch(`the manifest names the input "${name}", the file has ${quote(session.inputNames)}`);
  }
  if (!only.isTensor || only.type !== 'float32') throw mismatch(`the input "${name}" is not a float32 tensor`);
  const wanted = inputShape(spec, 1);
  // Named (dynamic) and unknown (negative) dimensions accept any size.
  const open = (size: number | string | undefined) => typeof size === 'string' || (size !== undefined && size < 0);
  if (only.shape.length !== wanted.length || !only.shape.every((size, i) => open(size) || size === wanted[i])) {
    throw mismatch(`the manifest's input is ${wanted.join('x')}, the file's ${only.shape.join('x')}`);
  }
  if (!session.outputNames.includes(spec.output.name)) {
    throw mismatch(`the manifest names the output "${spec.output.name}", the file has ${quote(session.outputNames)}`);
  }
  return spec.batch === 'dynamic' && open(only.shape[0]);
}

/**
 * Runs a network on normalised pixels.
 * @param values rows x values per row of the input
 * @returns rows x classes
 * @throws MenagerieError `signature_mismatch`; what the runtime throws
 */
export async function runSession(
  session: InferenceSession,
  spec: NetworkSpec,
  values: Float32Array,
  rows: number,
): Promise<Float32Array> {
  const input = new Tensor('float32', values, inputShape(spec, rows));
  const results = await session.run({ [spec.input.name]: input }, [spec.output.name]);
  const output = results[spec.output.name];
  if (!(output?.data instanceof Float32Array))
    throw mismatch(`the output "${spec.output.name}" is not a float32 tensor`);
  return output.data;
}

/** The error for a file that differs from its manifest. */
export function mismatch(what: string): MenagerieError {
  return new MenagerieError('signature_mismatch', `Manifest and network differ: ${what}.`);
}

/** Names in quotes, for a message. */
export function quote(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
}
