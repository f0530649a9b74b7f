import type { InferenceSession } from 'onnxruntime-node';
import { MenagerieError } from '../../core/errors.js';
import { bytesAskedFor, isMemoryRefused, memoryExceeded } from '../../core/memory-errors.js';
import { createNormalise, type Normalise } from '../../core/pixels/normalise.js';
import { PIXEL_TYPES, type PixelValues } from '../../core/pixels/pixel-type.js';
import { countOf } from '../../core/shape.js';
import { runtimeReason } from '../device/runtime-reason.js';
import type { InputTensor } from '../networks/input-tensor.js';
import { loadingBytes } from '../networks/network-memory.js';
import { type NetworkInfo, type NetworkSpec, nameOf } from '../networks/network-spec.js';
import type { RunSettings } from '../networks/session.js';
import { quote, readSignature, type Signature } from '../networks/signature.js';
import { Forward } from './forward.js';
import type { Runnable, Sessions } from './sessions.js';
import { tryOut } from './try-out.js';

/** Views to run a network on: u8 pixels as renderViews makes them, one row for each view. */
export interface Rows {
  /** Equal names stand for equal pixels. */
  name: string;
  data: Uint8Array;
  rows: number;
}

/** A network, and the largest number of rows that it was tried with. */
interface Tried {
  network: Network;
  largestRun: number;
}

/** Inputs of so many values take memory that is worth giving back: 8 MB of activations and more, in most networks. */
const LARGE_INPUT_VALUES = 1 << 18;

/** A loaded network. Running it blocks the thread, so this is used in workers only. */
export class Network {
  readonly spec: NetworkSpec;
  readonly info: NetworkInfo;
  readonly forward: Forward;
  /** Networks for which this is equal run the same session on equal tensors for equal pixels. */
  readonly lane: string;
  /** Number of values in one row of the input tensor. */
  readonly length: number;
  readonly #sessions: Sessions;
  readonly #signature: Signature;
  readonly #normalise: Normalise;
  readonly #runBytes: number | undefined;

  private constructor(
    forward: Forward,
    sessions: Sessions,
    spec: NetworkSpec,
    signature: Signature,
    lane: string,
    info: NetworkInfo,
    runBytes: number | undefined,
  ) {
    const { input, preprocess } = spec;
    this.forward = forward;
    this.spec = spec;
    this.info = info;
    this.lane = lane;
    this.length = countOf(signature.view);
    this.#sessions = sessions;
    this.#signature = signature;
    this.#normalise = createNormalise(preprocess, input.layout, signature.type);
    this.#runBytes = runBytes;
  }

  /**
   * Reads and verifies a file, loads it or shares what is loaded, checks its inputs, outputs and scores against the manifest, and
   * measures the best batch size. The runtime keeps the memory of the largest run as long as a session lives: if larger batches were
   * tried than are worth it, the network is then loaded anew.
   * @throws MenagerieError what Sessions.take throws; `signature_mismatch`, `scores_not_finite`, `memory_exceeded`
   */
  static async load(spec: NetworkSpec, settings: RunSettings, sessions: Sessions): Promise<Network> {
    const { network, largestRun } = await Network.#take(spec, settings, sessions);
    const { batch, provider, sha256 } = network.info;
    const inflated = largestRun > batch && largestRun * network.length > LARGE_INPUT_VALUES;
    if (!inflated || provider !== 'cpu') return network;
    await network.release();
    return (await Network.#take({ ...spec, sha256 }, { ...settings, batch }, sessions)).network;
  }

  static async #take(spec: NetworkSpec, settings: RunSettings, sessions: Sessions): Promise<Tried> {
    const started = performance.now();
    const runnable = await sessions.take(spec, settings);
    try {
      return await Network.#try(spec, settings, runnable, sessions, started);
    } catch (error) {
      await sessions.giveBack(runnable);
      throw isMemoryRefused(error)
        ? memoryExceeded(`Running ${nameOf(spec)}`, bytesAskedFor(error), loadingBytes(spec), error)
        : error;
    }
  }

  static async #try(
    spec: NetworkSpec,
    settings: RunSettings,
    runnable: Runnable,
    sessions: Sessions,
    started: number,
  ): Promise<Tried> {
    const { session, headBytes, sha256 } = runnable;
    const { provider, fallback, layersOnCpu, name } = session;
    const signature = readSignature(session.session, spec);
    const forward = new Forward(runnable, spec, signature);
    const loaded = performance.now();
    const lane = laneOf(spec, signature, name);
    const { batch, viewMs, largestRun, features } = await tryOut(forward, signature, lane, spec, settings);
    const warmupMs = performance.now() - loaded;
    const loadMs = loaded - started;
    const facts = { provider, fallback, layersOnCpu, sha256, session: name, headBytes, classes: spec.labels };
    const info = { ...facts, features: features && session.features?.size, batch, loadMs, warmupMs, viewMs };
    const network = new Network(forward, sessions, spec, signature, lane, info, settings.runBytes);
    return { network, largestRun };
  }

  /** The normalised pixels of all inputs, row after row. @param tensor memory for them */
  values(inputs: readonly Rows[], tensor: InputTensor): PixelValues {
    const key = [...inputs.map(({ name }) => name), this.lane].join();
    const count = inputs.reduce((sum, { rows }) => sum + rows, 0);
    return tensor.values(key, this.#signature.type, count * this.length, (values) => {
      let at = 0;
      for (const { data, rows } of inputs) {
        const length = data.length / rows;
        for (let row = 0; row < rows; row++, at += this.length) {
          const pixels = data.subarray(row * length, (row + 1) * length);
          this.#normalise(pixels, values.subarray(at, at + this.length));
        }
      }
    });
  }

  /**
   * Runs the network on tensors.
   * @param fetches names of outputs
   * @throws MenagerieError `invalid_request` for unknown inputs or outputs, or tensors that do not fit; `memory_exceeded`
   */
  async compute(feeds: InferenceSession.FeedsType, fetches: readonly string[]): Promise<InferenceSession.ReturnType> {
    const { session, head } = this.forward.runnable;
    const { inputNames } = session.session;
    const { outputNames } = this.forward.last;
    const unknown = [
      ...Object.keys(feeds).filter((name) => !inputNames.includes(name)),
      ...fetches.filter((name) => !outputNames.includes(name)),
    ];
    if (unknown.length > 0) {
      const known = `inputs ${quote(inputNames)}; outputs ${quote(outputNames)}`;
      throw new MenagerieError('invalid_request', `The network has no ${quote(unknown)}; it has ${known}.`);
    }
    try {
      if (!head) return await session.session.run(feeds, fetches);
      return await head.run(await session.session.run(feeds, this.forward.fetches('features')), fetches);
    } catch (error) {
      if (isMemoryRefused(error)) throw this.tooMuchMemory(error);
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
    const { array, encode } = PIXEL_TYPES[this.#signature.type];
    // Not zeros, which some kernels might multiply faster.
    const values = new array(batch * this.length).fill(encode(1));
    const fetches = this.forward.fetches('scores');
    const started = performance.now();
    for (let images = batch; ; images += batch) {
      await this.forward.stated(await this.forward.run(values, batch, fetches), batch);
      const took = performance.now() - started;
      if (took >= ms) return { images, ms: took };
    }
  }

  /** The error for a run that was refused memory. */
  tooMuchMemory(error: unknown): MenagerieError {
    return memoryExceeded(`Running ${nameOf(this.spec)}`, bytesAskedFor(error), this.#runBytes, error);
  }

  async release(): Promise<void> {
    await this.#sessions.giveBack(this.forward.runnable);
  }
}

function laneOf({ input, preprocess }: NetworkSpec, { type }: Signature, session: string): string {
  const { color, scale, mean, std } = preprocess;
  return JSON.stringify([session, type, input.layout, color, scale, mean, std]);
}
