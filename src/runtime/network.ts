import { InferenceSession, Tensor } from 'onnxruntime-node';
import { MenagerieError } from '../core/errors.js';
import { createNormalise, type Normalise } from '../core/normalise.js';
import { countOf, inputShape } from '../core/shape.js';
import { bestBatch } from './best-batch.js';
import type { InputTensor } from './input-tensor.js';
import type { Rows } from './pixels.js';
import { layersElsewhere, profiled } from './profile.js';
import {
  failureOf,
  type LaneSettings,
  type NetworkInfo,
  type NetworkSpec,
  type Provider,
  type RunOutcome,
  type RunReply,
} from './protocol.js';
import { cudaObstacle, cudaRequired, planProviders, runtimeReason } from './providers.js';

/** A network in memory. `run` blocks the thread while it computes, so this lives in worker threads only. */
export class Network {
  readonly info: NetworkInfo;
  readonly #session: InferenceSession;
  readonly #spec: NetworkSpec;
  readonly #normalise: Normalise;
  /** Networks with equal ones make the same tensor of the same pixels. */
  readonly #normalisation: string;
  /** Values of one row of the input tensor. */
  readonly #length: number;

  private constructor(session: InferenceSession, spec: NetworkSpec, info: NetworkInfo) {
    const { input, preprocess } = spec;
    this.#session = session;
    this.#spec = spec;
    this.#normalise = createNormalise(preprocess, input.layout);
    const { color, scale, mean, std } = preprocess;
    this.#normalisation = JSON.stringify([input.layout, color, scale, mean, std]);
    this.#length = countOf(inputShape(spec, 1));
    this.info = info;
  }

  /**
   * Loads a file, checks that its inputs and outputs are those of the manifest, runs it, and finds out how many rows at a
   * time it does best.
   * @throws MenagerieError `provider_unavailable`, `invalid_network`, `signature_mismatch`
   */
  static async load(spec: NetworkSpec, settings: LaneSettings): Promise<Network> {
    const started = performance.now();
    const { session, provider, fallback, layersOnCpu } = await createSession(spec, settings);
    const takesBatches = checkSignature(session, spec);
    const loaded = performance.now();
    const zeros = (rows: number) => new Float32Array(countOf(inputShape(spec, rows)));
    const classes = (await runSession(session, spec, zeros(1), 1)).length;
    const run = async (rows: number) => {
      const scores = await runSession(session, spec, zeros(rows), rows);
      if (scores.length !== rows * classes) throw mismatch(`${rows} rows are answered with ${scores.length} scores`);
    };
    const wanted = takesBatches ? (settings.batch ?? spec.rows) : 1;
    const { batch, rowMs } = await bestBatch(run, provider, wanted);
    const warmupMs = performance.now() - loaded;
    const info = { provider, fallback, layersOnCpu, classes, batch, loadMs: loaded - started, warmupMs, rowMs };
    return new Network(session, spec, info);
  }

  /**
   * Scores of several inputs, in one run where the network takes that many rows. An input that the network fails on fails
   * alone.
   * @param tensor its memory
   */
  async run(inputs: readonly Rows[], tensor: InputTensor): Promise<RunReply> {
    const started = performance.now();
    const values = this.#values(inputs, tensor);
    const preprocessMs = performance.now() - started;
    const outcomes = await this.#outcomes(inputs, values);
    return { outcomes, preprocessMs, inferenceMs: performance.now() - started - preprocessMs };
  }

  async release(): Promise<void> {
    await this.#session.release();
  }

  /** The normalised pixels of all inputs, one after the other. */
  #values(inputs: readonly Rows[], tensor: InputTensor): Float32Array {
    const key = [...inputs.map(({ name }) => name), this.#normalisation].join();
    return tensor.values(key, countRows(inputs) * this.#length, (values) => {
      let at = 0;
      for (const { data, rows } of inputs) {
        const length = data.length / rows;
        for (let row = 0; row < rows; row++, at += this.#length) {
          const pixels = data.subarray(row * length, (row + 1) * length);
          this.#normalise(pixels, values.subarray(at, at + this.#length));
        }
      }
    });
  }

  async #outcomes(inputs: readonly Rows[], values: Float32Array): Promise<RunOutcome[]> {
    const { classes } = this.info;
    try {
      const scores = await this.#scores(values);
      let row = 0;
      return inputs.map(({ rows }) => {
        const from = row * classes;
        row += rows;
        return { type: 'scores', scores: inputs.length === 1 ? scores : scores.slice(from, row * classes) };
      });
    } catch (error) {
      if (inputs.length === 1) return [failureOf(error)];
      const outcomes: RunOutcome[] = [];
      let at = 0;
      for (const input of inputs) {
        const end = at + input.rows * this.#length;
        outcomes.push(...(await this.#outcomes([input], values.subarray(at, end))));
        at = end;
      }
      return outcomes;
    }
  }

  /** Scores of all rows. */
  async #scores(values: Float32Array): Promise<Float32Array<ArrayBuffer>> {
    const total = values.length / this.#length;
    // One row a run where the file takes no more, however many are asked for.
    const most = this.info.batch === 1 ? 1 : total;
    const scores = new Float32Array(total * this.info.classes);
    for (let row = 0; row < total; row += most) {
      const part = values.subarray(row * this.#length, (row + most) * this.#length);
      scores.set(await runSession(this.#session, this.#spec, part, most), row * this.info.classes);
    }
    return scores;
  }
}

function countRows(inputs: readonly Rows[]): number {
  return inputs.reduce((sum, { rows }) => sum + rows, 0);
}

interface OpenedSession {
  session: InferenceSession;
  provider: Provider;
  fallback: string | undefined;
  layersOnCpu: string[];
}

async function createSession(spec: NetworkSpec, { device, threads }: LaneSettings): Promise<OpenedSession> {
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
    };
    try {
      if (provider === 'cpu') {
        const session = await InferenceSession.create(spec.file, options);
        opened = { session, provider, fallback, layersOnCpu: [] };
      } else {
        // The runtime gives what CUDA does not know to the CPU without a word; only its profile tells.
        const zeros = new Float32Array(countOf(inputShape(spec, 1)));
        const { session, events } = await profiled(spec.file, options, (it) => runSession(it, spec, zeros, 1));
        opened = { session, provider, fallback, layersOnCpu: layersElsewhere(events, provider) };
      }
      break;
    } catch (error) {
      fallback = `${provider}: ${runtimeReason(error, spec.file)}`;
    }
  }
  if (!opened) throw new MenagerieError('invalid_network', `The runtime cannot load the network on ${fallback}`);
  // Tried on the CPU all the same: it tells a device that fails from a file that is faulty.
  if (device === 'cuda-required' && opened.provider !== 'cuda') {
    await opened.session.release();
    throw cudaRequired(`it cannot be used: ${fallback}`);
  }
  return opened;
}

/** @returns whether the network takes several pictures at once */
function checkSignature(session: InferenceSession, spec: NetworkSpec): boolean {
  const { name } = spec.input;
  const [only, ...others] = session.inputMetadata;
  if (others.length > 0 || only?.name !== name) {
    throw mismatch(`the manifest names the input "${name}", the file has ${quote(session.inputNames)}`);
  }
  if (!only.isTensor || only.type !== 'float32') throw mismatch(`the input "${name}" is not a float32 tensor`);
  const wanted = inputShape(spec, 1);
  // Named (dynamic) and unknown (negative) dimensions take any number.
  const open = (size: number | string | undefined) => typeof size === 'string' || (size !== undefined && size < 0);
  if (only.shape.length !== wanted.length || !only.shape.every((size, i) => open(size) || size === wanted[i])) {
    throw mismatch(`the manifest's input is ${wanted.join('x')}, the file's ${only.shape.join('x')}`);
  }
  if (!session.outputNames.includes(spec.output.name)) {
    throw mismatch(`the manifest names the output "${spec.output.name}", the file has ${quote(session.outputNames)}`);
  }
  return spec.batch === 'dynamic' && open(only.shape[0]);
}

async function runSession(
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

function mismatch(what: string): MenagerieError {
  return new MenagerieError('signature_mismatch', `Manifest and network differ: ${what}.`);
}

function quote(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
}
