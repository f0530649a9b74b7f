import { MenagerieError } from '../core/errors.js';
import { memoryExceeded } from '../core/memory-errors.js';
import { MIB } from '../core/units.js';
import type { HeadWeights } from '../onnx/cut/head-file.js';
import { BASE_BYTES } from '../runtime/networks/network-memory.js';
import type { BaseFile } from '../runtime/networks/network-spec.js';
import { boundedWork } from '../runtime/workers/process/bounded-work.js';
import type { Levers } from '../runtime/workers/process/levers.js';
import { WorkerLost } from '../runtime/workers/process/worker-end.js';
import { WorkerMemory } from '../runtime/workers/process/worker-memory.js';
import { WorkerProcess } from '../runtime/workers/process/worker-process.js';
import { type NearDuplicates, nearDuplicates } from './examine/near-duplicates.js';
import { type UnknownScore, unknownScore } from './examine/unknown-score.js';
import type { HeadResult, HeadTask } from './head/head-task.js';
import { trainHead } from './head/train-head.js';
import type { TakeStep, TrainStep } from './protocol/steps.js';

export interface TrainerOptions {
  /** The program of the trainer. */
  script: URL;
  levers: Levers;
  /** Environment of the server, of which the trainer gets a part. */
  env: NodeJS.ProcessEnv;
  /** Bytes that training may take. */
  memoryBytes: number;
}

/** Lower priority than everything else. */
const TRAINER_NICENESS = 19;
/** A step takes seconds, but the trainer runs only when nothing else wants to. */
const STEP_TIMEOUT_MS = 600_000;

/** A process of the lowest priority that trains. It does one thing at a time, and can be killed at any time. */
export class Trainer {
  readonly #worker: WorkerProcess;
  readonly #memory: WorkerMemory;
  readonly #takeStep: TakeStep = async (step, parts = []) => {
    const { answer, parts: found } = await this.#call(step, parts);
    return { parts: found.map(({ buffer }) => new Float32Array(buffer)), facts: answer.facts };
  };

  private constructor({ script, levers, env, memoryBytes }: TrainerOptions) {
    const settings = { device: 'cpu', threads: 1, decode: { maxPixels: 0 }, runBytes: 0 } as const;
    this.#worker = new WorkerProcess({ script, levers, env, niceness: TRAINER_NICENESS }, settings);
    const plan = { decodeBytes: memoryBytes, share: BASE_BYTES + memoryBytes, dataLimit: levers.dataLimit };
    this.#memory = new WorkerMemory(plan);
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
   * A small JPEG of a picture, for people to look at.
   * @throws MenagerieError what decoding throws, and as `head`
   */
  thumbnail(file: Uint8Array, maxPixels: number, signal?: AbortSignal): Promise<Uint8Array> {
    return this.#bounded('Making a thumbnail', 0, signal, async () => {
      const { parts } = await this.#call({ kind: 'picture/thumbnail', maxPixels }, [file]);
      return parts[0] ?? new Uint8Array();
    });
  }

  /**
   * Writes a network: a base without its last layer, and a head.
   * @param known features of known pictures, rows of length 1; empty: the file tells no distance
   * @param target the file to write
   * @throws MenagerieError `not_trainable`, what reading the base throws, and as `head`
   */
  writeNetwork(
    base: BaseFile,
    head: HeadWeights,
    known: Float32Array,
    target: string,
    signal?: AbortSignal,
  ): Promise<void> {
    const { classes, weights, bias, hidden } = head;
    const parts = [weights, bias, ...(hidden ? [hidden.weights, hidden.bias] : []), known];
    return this.#bounded('Writing the network', 0, signal, async () => {
      await this.#call({ kind: 'file/write', base, hidden: hidden?.units ?? 0, classes, target }, parts);
    });
  }

  /** Ends the process, and waits until it has ended. */
  async stop(): Promise<void> {
    await this.#worker.stop();
  }

  async #call(step: TrainStep, parts: readonly (Float32Array | Int32Array | Uint8Array)[]) {
    const bytes = parts.map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength));
    return await this.#worker.call('train', { step }, bytes, STEP_TIMEOUT_MS);
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

function trainingFailed({ end }: WorkerLost): MenagerieError {
  if (end.kind === 'memory') return new MenagerieError('memory_exceeded', end.reason);
  return new MenagerieError('training_failed', 'The process that trained ended or took too long.', {
    cause: end.reason,
  });
}
