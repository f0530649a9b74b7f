import { MenagerieError } from '../core/errors.js';
import { memoryExceeded } from '../core/memory-errors.js';
import { MIB } from '../core/units.js';
import type { HeadWeights } from '../onnx/cut/head-file.js';
import { readModel } from '../onnx/file/model.js';
import type { TailCut, TailDepth } from '../onnx/gradient/tail.js';
import { tailCuts } from '../onnx/gradient/tail-cuts.js';
import { BASE_BYTES } from '../runtime/networks/network-memory.js';
import type { BaseFile } from '../runtime/networks/network-spec.js';
import { FileBytes } from '../runtime/weights/file-bytes.js';
import { boundedWork } from '../runtime/workers/process/bounded-work.js';
import type { Levers } from '../runtime/workers/process/levers.js';
import { WorkerLost } from '../runtime/workers/process/worker-end.js';
import { WorkerMemory } from '../runtime/workers/process/worker-memory.js';
import { WorkerProcess } from '../runtime/workers/process/worker-process.js';
import type { Yielding } from '../runtime/workers/yielding.js';
import { type NearDuplicates, nearDuplicates } from './examine/near-duplicates.js';
import { type UnknownScore, unknownScore } from './examine/unknown-score.js';
import type { HeadResult, HeadTask } from './head/head-task.js';
import { trainHead } from './head/train-head.js';
import type { TakeStep } from './protocol/steps.js';
import type { TailResult, TailTask } from './tail/tail-task.js';
import { trainTail } from './tail/train-tail.js';

export interface TrainerOptions {
  /** The program of the trainer. */
  script: URL;
  levers: Levers;
  /** Environment of the server, of which the trainer gets a part. */
  env: NodeJS.ProcessEnv;
  /** Bytes that training may take. */
  memoryBytes: number;
  /** Has it yield to requests. */
  yielding?: Yielding | undefined;
}

/** A base without its last layer, and what is put in its place. */
interface NetworkToWrite {
  base: BaseFile;
  /** Shape of its input for one picture. */
  inputShape: readonly number[];
  head: HeadWeights;
  /** Rows of features that are known; empty: the network does not say how far a picture is from them. */
  known: Float32Array;
  /** Where the tail begins that was trained last; undefined: the base stays as it is. */
  cut: TailCut | undefined;
}

/** Lower priority than everything else. */
const TRAINER_NICENESS = 19;
/** A step takes seconds, but the trainer runs only when nothing else wants to. */
const STEP_TIMEOUT_MS = 600_000;

/** A process of the lowest priority that trains. It does one thing at a time, and can be killed at any time. */
export class Trainer {
  readonly #worker: WorkerProcess;
  readonly #memory: WorkerMemory;
  readonly #yielding: Yielding | undefined;
  readonly #takeStep: TakeStep = async (step, parts = []) => {
    const bytes = parts.map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength));
    const { answer, parts: found } = await this.#worker.call('train', { step }, bytes, STEP_TIMEOUT_MS);
    const tensors = answer.tensors.map(({ name, dims }, i) => ({ name, dims, values: floatsOf(found[i]) }));
    return { tensors, facts: answer.facts };
  };

  private constructor({ script, levers, env, memoryBytes, yielding }: TrainerOptions) {
    const settings = { device: 'cpu', threads: 1, decode: { maxPixels: 0 }, runBytes: 0 } as const;
    this.#worker = new WorkerProcess({ script, levers, env, niceness: TRAINER_NICENESS, idle: true }, settings);
    const plan = { decodeBytes: memoryBytes, share: BASE_BYTES + memoryBytes, dataLimit: levers.dataLimit };
    this.#memory = new WorkerMemory(plan);
    this.#yielding = yielding;
    yielding?.add(this.#worker);
  }

  /** Starts the process. It must be stopped. */
  static start(options: TrainerOptions): Trainer {
    return new Trainer(options);
  }

  /** Undefined if the process could not be started. */
  get pid(): number | undefined {
    return this.#worker.pid;
  }

  /**
   * Trains a head on features.
   * @param onProgress gets the share done, 0..1
   * @param signal kills the process
   * @throws MenagerieError `invalid_data`, `memory_exceeded`; `training_failed` if the process ended or hung; the signal's reason
   */
  head(task: HeadTask, onProgress: (share: number) => void, signal?: AbortSignal): Promise<HeadResult> {
    return this.#bounded('Training the head', headBytes(task), signal, () =>
      trainHead(this.#takeStep, task, onProgress),
    );
  }

  /**
   * Finds pictures that are nearly the same (see near-duplicates.ts).
   * @param features pictures x size
   * @throws MenagerieError as `head`
   */
  nearDuplicates(
    { features, size, seed }: { features: Float32Array; size: number; seed: number },
    onProgress: (share: number) => void,
    signal?: AbortSignal,
  ): Promise<NearDuplicates> {
    return this.#bounded('Comparing pictures', similarityBytes(features), signal, () =>
      nearDuplicates(this.#takeStep, features, size, seed, onProgress),
    );
  }

  /**
   * Finds how to tell pictures that are of none of the classes (see unknown-score.ts).
   * @throws MenagerieError as `head`
   */
  unknownScore(
    task: { features: Float32Array; size: number; folds: Int32Array; seed: number },
    onProgress: (share: number) => void,
    signal?: AbortSignal,
  ): Promise<UnknownScore> {
    return this.#bounded('Comparing pictures', similarityBytes(task.features), signal, () =>
      unknownScore(this.#takeStep, task, onProgress),
    );
  }

  /**
   * Finds where to cut a network, so that its last layers can be trained.
   * @param file path of its ONNX file
   * @param output its output
   * @throws MenagerieError `not_trainable` naming what has no gradient; what `inspect` throws; `training_failed`; the signal's reason
   */
  tailCuts(file: string, output: string, depths: readonly TailDepth[], signal?: AbortSignal): Promise<TailCut[]> {
    return this.#bounded('Looking at the last layers', 0, signal, async () => {
      const { tensors } = await this.#takeStep({ kind: 'tail/shapes', file });
      const source = new FileBytes(file);
      try {
        return tailCuts(readModel(source), new Map(tensors.map(({ name, dims }) => [name, dims])), output, depths);
      } finally {
        source.close();
      }
    });
  }

  /**
   * Trains the last layers of a network.
   * @param onProgress gets the share done, 0..1
   * @param signal kills the process
   * @throws MenagerieError as `head`; `not_trainable`; what the source of activations throws
   */
  tail(task: TailTask, onProgress: (share: number) => void, signal?: AbortSignal): Promise<TailResult> {
    return this.#bounded('Training the last layers', 0, signal, () => trainTail(this.#takeStep, task, onProgress));
  }

  /**
   * The features that the tail that was trained last makes of activations.
   * @param activations pictures x values at the cut
   * @throws MenagerieError as `head`
   */
  tailFeatures(activations: Float32Array, signal?: AbortSignal): Promise<Float32Array> {
    return this.#bounded('Computing features', 0, signal, async () => {
      const { tensors } = await this.#takeStep({ kind: 'tail/features' }, [activations]);
      return tensors[0]?.values ?? new Float32Array();
    });
  }

  /**
   * A small JPEG of a picture, for people to look at.
   * @throws MenagerieError what decoding throws, and as `head`
   */
  thumbnail(file: Uint8Array, maxPixels: number, signal?: AbortSignal): Promise<Uint8Array> {
    return this.#bounded('Making a thumbnail', 0, signal, async () => {
      const { tensors } = await this.#takeStep({ kind: 'picture/thumbnail', maxPixels }, [file]);
      return Uint8Array.from(tensors[0]?.values ?? []);
    });
  }

  /**
   * Writes a network: a base without its last layer, and a head.
   * @param target the file to write
   * @returns its multiply-accumulates for one picture
   * @throws MenagerieError `not_trainable`, what reading the base throws, and as `head`
   */
  writeNetwork(
    { base, inputShape, head, known, cut }: NetworkToWrite,
    target: string,
    signal?: AbortSignal,
  ): Promise<number> {
    const { classes, weights, bias, hidden } = head;
    const parts = [weights, bias, ...(hidden ? [hidden.weights, hidden.bias] : []), known];
    return this.#bounded('Writing the network', 0, signal, async () => {
      const units = hidden?.units ?? 0;
      const step = { kind: 'file/write', base, hidden: units, classes, cut, target, inputShape } as const;
      const { facts } = await this.#takeStep(step, parts);
      if (facts.macs === undefined) throw new Error('an answer without macs');
      return facts.macs;
    });
  }

  /** Ends the process, and waits until it has ended. */
  async stop(): Promise<void> {
    this.#yielding?.delete(this.#worker);
    await this.#worker.stop();
  }

  async #bounded<T>(what: string, bytes: number, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    const { decodeBytes: allowed } = this.#memory.plan;
    if (bytes > allowed) throw memoryExceeded(what, bytes, allowed);
    try {
      return await boundedWork(this.#worker, { memory: this.#memory, what, signal }, async () => {
        await this.#worker.started;
        await this.#memory.afterLoading(this.pid);
        return work();
      });
    } catch (error) {
      throw error instanceof WorkerLost ? trainingFailed(error) : error;
    }
  }
}

/** Bytes that training a head takes: an estimate. */
function headBytes({ features, size, labels, views, classes, hidden }: HeadTask): number {
  const FLOAT32 = 4;
  const rows = labels.length * views;
  const weights = Math.max(classes * size, ...hidden.map((units) => units * (size + classes)));
  // Targets, and five tensors of the graph. Of the weights: the pairs of L-BFGS, points of search, and the last fit of each fold.
  return FLOAT32 * (2 * features.length + 6 * rows * classes + 36 * weights);
}

/** Bytes that comparing features takes: they themselves, what is sent, and the cosines of a block. */
function similarityBytes(features: Float32Array): number {
  return 3 * features.byteLength + 64 * MIB;
}

function floatsOf(part: Uint8Array<ArrayBuffer> | undefined): Float32Array {
  return new Float32Array(part?.buffer ?? new ArrayBuffer());
}

function trainingFailed({ end }: WorkerLost): MenagerieError {
  if (end.kind === 'memory') return new MenagerieError('memory_exceeded', end.reason);
  return new MenagerieError('training_failed', 'The process that trained ended or took too long.', {
    cause: end.reason,
  });
}
