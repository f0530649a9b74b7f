import { stat } from 'node:fs/promises';
import { MenagerieError, toMenagerieError } from '../core/errors.js';
import { memoryExceeded } from '../core/memory-errors.js';
import { countOf } from '../core/shape.js';
import { NOMINAL_MS_PER_GMAC } from '../core/units.js';
import type { Inspection, InspectRequest } from '../runtime/inspection/inspection.js';
import { type ModelFolder, type Repository, unknownModel, withoutPaths } from '../zoo/repository.js';
import {
  findVariant,
  isPulled,
  type NamedVariant,
  preferredVariant,
  verifyWeights,
  weightsPath,
} from '../zoo/weights.js';
import type { Admission } from './cost/admission.js';
import { notOneModel } from './models/ensemble-status.js';

/** What a summary should be of. */
export interface SummaryOptions {
  /** Default: the model's default variant if it is pulled, else one that is pulled. */
  variant: string | undefined;
  /** Shape of the input; default: the shape in the file, for one picture. */
  inputShape: readonly number[] | undefined;
  /** Whether to measure how long the layers take. */
  timing: boolean;
}

/** A model and the inspection of its network. */
export interface ModelSummary {
  folder: ModelFolder;
  variant: NamedVariant;
  /** SHA-256 of the file, hex. */
  sha256: string;
  inspection: Inspection;
}

export interface SummariesOptions {
  repository: Repository;
  inspector: { inspect(request: InspectRequest, signal?: AbortSignal): Promise<Inspection> };
  /** Bytes that the outputs of all layers may take together: an inspection holds them all at once. */
  activationBytes: number;
  /** Limits on the cost of inspections; without it there are none. */
  admission?: Admission | undefined;
}

const MAX_CACHED = 64;
/** Runs of the network for timing: in two sessions, one to warm up and seven that are measured. */
const TIMED_RUNS = 16;
/** Applies to networks of any size. */
const MAX_INPUT_VALUES = 1_000_000;

/** Summaries of the models of the repository, loaded or not. Inspections are cached. */
export class Summaries {
  readonly #options: SummariesOptions;
  /** By SHA-256 and options, running inspections included. Failed ones are removed. */
  readonly #cache = new Map<string, Promise<Inspection>>();
  /** SHA-256 by path, size and time of change, so that a file is not read for every request. */
  readonly #hashes = new Map<string, Promise<string>>();

  constructor(options: SummariesOptions) {
    this.#options = options;
  }

  /**
   * The summary of a model.
   * @param signal ends what is done only for this summary
   * @throws MenagerieError `unknown_model`, `unknown_variant`, `model_not_pulled`, `model_failed` for a refused folder,
   *   `invalid_request` for an ensemble, `invalid_input_shape`, `too_expensive`, `overloaded`, `memory_exceeded`, and what verifying
   *   and inspecting the file throw; the signal's reason
   */
  async summary(
    id: string,
    { variant: name, inputShape, timing }: SummaryOptions,
    signal?: AbortSignal,
  ): Promise<ModelSummary> {
    const folder = this.#folder(id);
    const variant = name === undefined ? await preferredVariant(folder) : findVariant(folder, name);
    if (!(await isPulled(folder, variant))) {
      const bare = `${id}-untrained`;
      const advice = this.#options.repository.models.has(bare) ? `; "${bare}" has the architecture without them` : '';
      throw new MenagerieError('model_not_pulled', `The weights of model "${id}" are not on this machine${advice}.`);
    }
    if (inputShape && countOf(inputShape) > MAX_INPUT_VALUES) {
      throw new MenagerieError(
        'invalid_input_shape',
        `An input may have at most ${MAX_INPUT_VALUES} values (such as 1x3x577x577).`,
      );
    }
    const file = weightsPath(folder, variant);
    const { size, mtimeMs } = await stat(file);
    const sha256 = await once(this.#hashes, `${file}:${size}:${mtimeMs}`, () => verifyWeights(folder, variant)).catch(
      (error: unknown) => {
        const { code, message, cause } = toMenagerieError(error);
        throw new MenagerieError(code, withoutPaths(this.#options.repository, message), { cause });
      },
    );
    const { inspector } = this.#options;
    const plain = () => once(this.#cache, sha256, () => inspector.inspect({ file, timing: false }));
    if (!inputShape && !timing) return { folder, variant, sha256, inspection: await plain() };
    const key = `${sha256}:${inputShape?.join('x') ?? ''}:${timing}`;
    const cached = await this.#cache.get(key);
    if (cached) return { folder, variant, sha256, inspection: cached };
    // The cost follows from an inspection with default options, which fails if the file leaves the shape of the input open.
    const known = await plain().catch((error: unknown) => {
      if (toMenagerieError(error).code === 'invalid_input_shape' && inputShape) return undefined;
      throw error;
    });
    const reservation = this.#charge(known, inputShape, timing);
    try {
      // Not shared with other requests while it runs, because this request pays for it and its signal ends it.
      const inspection = await inspector.inspect({ file, inputShape, timing }, signal);
      await once(this.#cache, key, async () => inspection);
      return { folder, variant, sha256, inspection };
    } finally {
      reservation?.close();
    }
  }

  /**
   * Takes room in the queue for an inspection with other than default options.
   * @param known the inspection with default options, from which the cost is computed
   * @throws MenagerieError `too_expensive`, `overloaded`, `memory_exceeded`
   */
  #charge(known: Inspection | undefined, inputShape: readonly number[] | undefined, timing: boolean) {
    const { admission, activationBytes: allowed } = this.#options;
    const usual = countOf(known?.summary.inputs[0]?.shape ?? []);
    const scale = known && inputShape ? countOf(inputShape) / Math.max(1, usual) : 1;
    const needed = scale * (known?.summary.totals.activationBytes ?? 0);
    if (needed > allowed) {
      throw memoryExceeded('Inspecting the network with this input', needed, allowed);
    }
    const gmacs = (scale * (timing ? TIMED_RUNS : 1) * (known?.summary.totals.macs ?? 0)) / 1e9;
    return admission?.reserve([{ gmacs, ms: gmacs * NOMINAL_MS_PER_GMAC }], Number.POSITIVE_INFINITY);
  }

  #folder(id: string): ModelFolder {
    const { models, ensembles, refused } = this.#options.repository;
    const folder = models.get(id);
    if (folder) return folder;
    if (ensembles.has(id)) throw notOneModel(ensembles, id);
    if (refused.some((other) => other.id === id)) {
      throw new MenagerieError('model_failed', `The folder of model "${id}" was refused; GET /models/${id} says why.`);
    }
    throw unknownModel(id);
  }
}

/** The cached value of `key`, made if there is none. The oldest entries are removed when there are too many. */
async function once<T>(cache: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const known = cache.get(key);
  if (known) return known;
  const made = make();
  cache.set(key, made);
  made.catch(() => cache.delete(key));
  for (const oldest of cache.keys()) {
    if (cache.size <= MAX_CACHED) break;
    cache.delete(oldest);
  }
  return made;
}
