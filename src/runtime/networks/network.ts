import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { MenagerieError } from '../../core/errors.js';
import { bytesAskedFor, isMemoryRefused, memoryExceeded } from '../../core/memory-errors.js';
import { createNormalise, type Normalise } from '../../core/pixels/normalise.js';
import { PIXEL_TYPES, type PixelValues } from '../../core/pixels/pixel-type.js';
import { countOf } from '../../core/shape.js';
import { runtimeReason } from '../device/runtime-reason.js';
import { bestBatch } from './best-batch.js';
import { checkScoreCount, classScores, valuesOfOutput } from './class-scores.js';
import type { InputTensor } from './input-tensor.js';
import { loadingBytes } from './network-memory.js';
import { type NetworkInfo, type NetworkSpec, nameOf } from './network-spec.js';
import { type OpenedSession, openVerified, type RunSettings, runSession } from './session.js';
import { inputDims, mismatch, quote, readSignature, type Signature } from './signature.js';
import { checkFinite, Trial } from './trial.js';

/** Views to run a network on: u8 pixels as renderViews makes them, one row for each view. */
export interface Rows {
  /** Equal names stand for equal pixels. */
  name: string;
  data: Uint8Array;
  rows: number;
}

/** The outcome for one input: scores as the network gives them, rows x classes; or an error. */
export type Scores = { scores: Float32Array<ArrayBuffer> } | { error: unknown };

/** A loaded network. `run` blocks the thread, so this is used in workers only. */
export class Network {
  readonly info: NetworkInfo;
  readonly #session: InferenceSession;
  readonly spec: NetworkSpec;
  readonly #signature: Signature;
  readonly #normalise: Normalise;
  /** Networks for which this is equal make equal tensors from equal pixels. */
  readonly #normalisation: string;
  /** Number of values in one row of the input tensor. */
  readonly #length: number;
  readonly #runBytes: number | undefined;

  private constructor(
    session: InferenceSession,
    spec: NetworkSpec,
    signature: Signature,
    info: NetworkInfo,
    runBytes?: number,
  ) {
    const { input, preprocess } = spec;
    const { type, view } = signature;
    this.#session = session;
    this.spec = spec;
    this.#signature = signature;
    this.#normalise = createNormalise(preprocess, input.layout, type);
    const { color, scale, mean, std } = preprocess;
    this.#normalisation = JSON.stringify([type, input.layout, color, scale, mean, std]);
    this.#length = countOf(view);
    this.info = info;
    this.#runBytes = runBytes;
  }

  /**
   * Reads and verifies a file, loads it, checks its inputs, outputs and scores against the manifest, and measures the best batch
   * size.
   * @throws MenagerieError what openVerified throws; `signature_mismatch`, `scores_not_finite`, `memory_exceeded`
   */
  static async load(spec: NetworkSpec, settings: RunSettings): Promise<Network> {
    const started = performance.now();
    const { sha256, ...opened } = await openVerified(spec, settings);
    try {
      return await Network.#try(spec, settings, opened, sha256, started);
    } catch (error) {
      await opened.session.release();
      throw isMemoryRefused(error)
        ? memoryExceeded(`Running ${nameOf(spec)}`, bytesAskedFor(error), loadingBytes(spec), error)
        : error;
    }
  }

  static async #try(
    spec: NetworkSpec,
    settings: RunSettings,
    { session, provider, fallback, layersOnCpu }: OpenedSession,
    sha256: string,
    started: number,
  ): Promise<Network> {
    const signature = readSignature(session, spec);
    const loaded = performance.now();
    const trial = new Trial(spec, signature);
    const run = async (rows: number) => {
      const input = trial.input(rows);
      const began = performance.now();
      const output = await runSession(session, spec, signature, input, rows);
      const ms = performance.now() - began;
      if (rows === 1) checkScoreCount(output?.dims ?? [], spec);
      trial.check(scoresOf(output, spec, rows), rows);
      return ms;
    };
    const wanted = signature.takesBatches ? (settings.batch ?? spec.rows) : 1;
    const { batch, viewMs } = await bestBatch(run, provider, wanted);
    const warmupMs = performance.now() - loaded;
    const loadMs = loaded - started;
    const classes = spec.labels;
    const info = { provider, fallback, layersOnCpu, sha256, classes, batch, loadMs, warmupMs, viewMs };
    return new Network(session, spec, signature, info, settings.runBytes);
  }

  /**
   * Runs the network on several inputs together. If that fails, each input is run alone, so that one input does not fail the
   * others.
   * @param tensor memory for the input tensor
   * @returns one outcome for each input, in order
   */
  async run(
    inputs: readonly Rows[],
    tensor: InputTensor,
  ): Promise<{ outcomes: Scores[]; normaliseMs: number; inferenceMs: number }> {
    const started = performance.now();
    const values = this.#values(inputs, tensor);
    const normaliseMs = performance.now() - started;
    const outcomes = await this.#outcomes(inputs, values);
    return { outcomes, normaliseMs, inferenceMs: performance.now() - started - normaliseMs };
  }

  /**
   * Runs the network on tensors.
   * @param fetches names of outputs
   * @throws MenagerieError `invalid_request` for unknown inputs or outputs, or tensors that do not fit; `memory_exceeded`
   */
  async compute(feeds: InferenceSession.FeedsType, fetches: readonly string[]): Promise<InferenceSession.ReturnType> {
    const { inputNames, outputNames } = this.#session;
    const unknown = [
      ...Object.keys(feeds).filter((name) => !inputNames.includes(name)),
      ...fetches.filter((name) => !outputNames.includes(name)),
    ];
    if (unknown.length > 0) {
      const known = `inputs ${quote(inputNames)}; outputs ${quote(outputNames)}`;
      throw new MenagerieError('invalid_request', `The network has no ${quote(unknown)}; it has ${known}.`);
    }
    try {
      return await this.#session.run(feeds, fetches);
    } catch (error) {
      if (isMemoryRefused(error)) throw this.#tooMuch(error);
      const reason = runtimeReason(error, this.spec.file);
      throw new MenagerieError('invalid_request', `The network cannot take these tensors: ${reason}`, { cause: error });
    }
  }

  /**
   * Runs the network on one ready tensor over and over, in its best batch size: what ONNX Runtime can do without anything around it.
   * @param ms how long, in ms; at least one run
   */
  async repeat(ms: number): Promise<{ images: number; ms: number }> {
    const { batch } = this.info;
    const { type } = this.#signature;
    const { array, encode } = PIXEL_TYPES[type];
    // Not zeros, which some kernels might multiply faster.
    const input = new Tensor(type, new array(batch * this.#length).fill(encode(1)), inputDims(this.#signature, batch));
    const feeds = { [this.spec.input.name]: input };
    const fetches = [this.spec.output.name];
    const started = performance.now();
    for (let images = batch; ; images += batch) {
      await this.#session.run(feeds, fetches);
      const took = performance.now() - started;
      if (took >= ms) return { images, ms: took };
    }
  }

  async release(): Promise<void> {
    await this.#session.release();
  }

  /** The normalised pixels of all inputs, row after row. */
  #values(inputs: readonly Rows[], tensor: InputTensor): PixelValues {
    const key = [...inputs.map(({ name }) => name), this.#normalisation].join();
    return tensor.values(key, this.#signature.type, countRows(inputs) * this.#length, (values) => {
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

  async #outcomes(inputs: readonly Rows[], values: PixelValues): Promise<Scores[]> {
    const { classes } = this.info;
    try {
      const scores = await this.#scores(values);
      let row = 0;
      return inputs.map(({ rows }): Scores => {
        const from = row * classes;
        row += rows;
        return checked(inputs.length === 1 ? scores : scores.slice(from, row * classes));
      });
    } catch (error) {
      if (inputs.length === 1) return [{ error: isMemoryRefused(error) ? this.#tooMuch(error) : error }];
      const outcomes: Scores[] = [];
      let at = 0;
      for (const input of inputs) {
        const end = at + input.rows * this.#length;
        outcomes.push(...(await this.#outcomes([input], values.subarray(at, end))));
        at = end;
      }
      return outcomes;
    }
  }

  #tooMuch(error: unknown): MenagerieError {
    return memoryExceeded(`Running ${nameOf(this.spec)}`, bytesAskedFor(error), this.#runBytes, error);
  }

  /** Scores of all rows: rows x classes. */
  async #scores(values: PixelValues): Promise<Float32Array<ArrayBuffer>> {
    const total = values.length / this.#length;
    // With a batch size of 1, row by row: a picture may have several views.
    const most = this.info.batch === 1 ? 1 : total;
    const scores = new Float32Array(total * this.info.classes);
    for (let row = 0; row < total; row += most) {
      const part = values.subarray(row * this.#length, (row + most) * this.#length);
      const output = await runSession(this.#session, this.spec, this.#signature, part, most);
      scores.set(scoresOf(output, this.spec, most), row * this.info.classes);
    }
    return scores;
  }
}

/** @throws MenagerieError `signature_mismatch` */
function scoresOf(output: Tensor | undefined, spec: NetworkSpec, rows: number): Float32Array {
  const values = valuesOfOutput(output, spec.output.name);
  const scores = classScores(values, rows, spec);
  if (scores.length === rows * spec.labels) return scores;
  throw mismatch(`${rows} views are answered with ${values.length} scores`);
}

function checked(scores: Float32Array<ArrayBuffer>): Scores {
  try {
    checkFinite(scores);
    return { scores };
  } catch (error) {
    return { error };
  }
}

function countRows(inputs: readonly Rows[]): number {
  return inputs.reduce((sum, { rows }) => sum + rows, 0);
}
