import { basename } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { softmax } from '../core/activation.js';
import { channelsOf } from '../core/color.js';
import { MenagerieError } from '../core/errors.js';
import type { Picture } from '../core/picture.js';
import { createPreparer, type Preparer } from '../core/prepare.js';
import { countOf } from '../core/shape.js';
import type { LaneSettings, NetworkInfo, NetworkSpec, Provider, RunResult } from './protocol.js';
import { providersFor } from './providers.js';

/** A network in memory. `run` blocks the thread while it computes, so this lives in worker threads only. */
export class Network {
  readonly info: NetworkInfo;
  readonly #session: InferenceSession;
  readonly #spec: NetworkSpec;
  readonly #preparer: Preparer;
  readonly #dims: number[];

  private constructor(session: InferenceSession, spec: NetworkSpec, info: NetworkInfo) {
    this.#session = session;
    this.#spec = spec;
    this.#preparer = createPreparer(spec.preparation);
    this.#dims = inputDims(spec);
    this.info = info;
  }

  /**
   * Loads a file, checks that its inputs and outputs are those of the manifest, and runs it once.
   * @throws MenagerieError `provider_unavailable`, `invalid_network`, `signature_mismatch`
   */
  static async load(spec: NetworkSpec, settings: LaneSettings): Promise<Network> {
    const started = performance.now();
    const { session, provider, fallback } = await createSession(spec, settings);
    checkSignature(session, spec);
    const loaded = performance.now();
    const classes = await countClasses(session, spec);
    const info = { provider, fallback, classes, loadMs: loaded - started, warmupMs: performance.now() - loaded };
    return new Network(session, spec, info);
  }

  /** Class probabilities of one picture. */
  async run(picture: Picture): Promise<RunResult> {
    const started = performance.now();
    const input = new Float32Array(this.#preparer.length);
    this.#preparer.prepare(picture, input);
    const prepared = performance.now();
    const scores = await runSession(this.#session, this.#spec, new Tensor('float32', input, this.#dims));
    const probabilities = this.#spec.output.kind === 'logits' ? softmax(scores) : Float32Array.from(scores);
    return { probabilities, preprocessMs: prepared - started, inferenceMs: performance.now() - prepared };
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}

async function createSession(
  spec: NetworkSpec,
  settings: LaneSettings,
): Promise<{ session: InferenceSession; provider: Provider; fallback: string | undefined }> {
  let fallback: string | undefined;
  for (const provider of providersFor(settings.device)) {
    try {
      const session = await InferenceSession.create(spec.file, {
        executionProviders: [provider],
        intraOpNumThreads: settings.threads,
        interOpNumThreads: 1,
        executionMode: 'sequential',
        graphOptimizationLevel: 'all',
        logSeverityLevel: 3,
      });
      return { session, provider, fallback };
    } catch (error) {
      // The runtime names the file by its full path.
      const reason = (error as Error).message.replaceAll(spec.file, basename(spec.file));
      fallback = `${provider}: ${reason}`;
    }
  }
  throw new MenagerieError('invalid_network', `The runtime cannot load the network on ${fallback}`);
}

/** Dimensions of the input tensor for one picture. */
function inputDims({ preparation: { input, preprocess } }: NetworkSpec): number[] {
  const channels = channelsOf(preprocess.color);
  return input.layout === 'NCHW' ? [1, channels, input.height, input.width] : [1, input.height, input.width, channels];
}

function checkSignature(session: InferenceSession, spec: NetworkSpec): void {
  const { name } = spec.preparation.input;
  const [only, ...others] = session.inputMetadata;
  if (others.length > 0 || only?.name !== name) {
    throw mismatch(`the manifest names the input "${name}", the file has ${quote(session.inputNames)}`);
  }
  if (!only.isTensor || only.type !== 'float32') throw mismatch(`the input "${name}" is not a float32 tensor`);
  const wanted = inputDims(spec);
  // Named (dynamic) and unknown (negative) dimensions take any number.
  const fits = (size: number | string, i: number) => typeof size === 'string' || size < 0 || size === wanted[i];
  if (only.shape.length !== wanted.length || !only.shape.every(fits)) {
    throw mismatch(`the manifest's input is ${wanted.join('x')}, the file's ${only.shape.join('x')}`);
  }
  if (!session.outputNames.includes(spec.output.name)) {
    throw mismatch(`the manifest names the output "${spec.output.name}", the file has ${quote(session.outputNames)}`);
  }
}

/** Runs a network on a grey picture: warms it up, and shows how many scores it gives. */
async function countClasses(session: InferenceSession, spec: NetworkSpec): Promise<number> {
  const dims = inputDims(spec);
  const zeros = new Float32Array(countOf(dims));
  return (await runSession(session, spec, new Tensor('float32', zeros, dims))).length;
}

async function runSession(session: InferenceSession, spec: NetworkSpec, input: Tensor): Promise<Float32Array> {
  const results = await session.run({ [spec.preparation.input.name]: input }, [spec.output.name]);
  const output = results[spec.output.name];
  if (!(output?.data instanceof Float32Array))
    throw mismatch(`the output "${spec.output.name}" is not a float32 tensor`);
  return output.data;
}

function mismatch(what: string): MenagerieError {
  return new MenagerieError('signature_mismatch', `Manifest and network differ: ${what}.`);
}

function quote(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
}
