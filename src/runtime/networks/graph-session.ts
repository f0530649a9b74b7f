import './no-float16-array.js';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { bytesAskedFor, isMemoryRefused, memoryExceeded } from '../../core/memory-errors.js';
import { loadFailure } from '../device/runtime-reason.js';

/** Values for an input of a graph, row by row. */
export interface GraphValues {
  values: Float32Array | BigInt64Array;
  dims: readonly number[];
}

/** An ONNX graph made by this program, such as one that computes gradients. It runs on the CPU, on one thread. */
export class GraphSession {
  readonly #session: InferenceSession;
  readonly #what: string;

  private constructor(session: InferenceSession, what: string) {
    this.#session = session;
    this.#what = what;
  }

  /**
   * @param bytes a whole ONNX file
   * @param what the work, as the beginning of a sentence in messages
   * @throws MenagerieError `memory_exceeded`, `unsupported_opset`, `unsupported_operator`, `invalid_network`
   */
  static async open(bytes: Uint8Array, what: string): Promise<GraphSession> {
    const options: InferenceSession.SessionOptions = {
      executionProviders: ['cpu'],
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
    };
    try {
      return new GraphSession(await InferenceSession.create(bytes, options), what);
    } catch (error) {
      if (isMemoryRefused(error)) throw memoryExceeded(what, bytesAskedFor(error), undefined, error);
      throw loadFailure(`${what}: the runtime cannot load the graph`, error, '');
    }
  }

  /**
   * Runs the graph.
   * @param feeds values for every input; they are not copied
   * @param fetches outputs to return, all float32
   * @returns a function that gives the values of an output by its name
   * @throws MenagerieError `memory_exceeded`; what the runtime throws
   */
  async run<Name extends string>(
    feeds: Readonly<Record<string, GraphValues>>,
    fetches: readonly Name[],
  ): Promise<(name: Name) => Float32Array> {
    const results = await this.#run(feeds, fetches);
    return (name) => {
      const data = results[name]?.data;
      if (data instanceof Float32Array) return data;
      throw new Error(`the graph has no float32 output "${name}"`);
    };
  }

  /**
   * Runs the graph for outputs of any type.
   * @throws MenagerieError `memory_exceeded`; what the runtime throws
   */
  async observe(
    feeds: Readonly<Record<string, GraphValues>>,
    fetches: readonly string[],
  ): Promise<Record<string, { dims: readonly number[]; data: ArrayLike<unknown> }>> {
    const results = await this.#run(feeds, fetches);
    return Object.fromEntries(Object.entries(results).map(([name, { dims, data }]) => [name, { dims, data }]));
  }

  /** Frees its memory. */
  release(): Promise<void> {
    return this.#session.release();
  }

  async #run(feeds: Readonly<Record<string, GraphValues>>, fetches: readonly string[]) {
    const given = Object.entries(feeds).map(([name, { values, dims }]) => [name, new Tensor(values, dims)] as const);
    try {
      return await this.#session.run(Object.fromEntries(given), fetches);
    } catch (error) {
      if (isMemoryRefused(error)) throw memoryExceeded(this.#what, bytesAskedFor(error), undefined, error);
      throw error;
    }
  }
}
