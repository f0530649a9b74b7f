import { MenagerieError, toMenagerieError } from '../core/errors.js';
import { inputShape } from '../core/manifest/input-shape.js';
import { countOf } from '../core/shape.js';
import { NOMINAL_MS_PER_GMAC } from '../core/units.js';
import type { LayerTensor, NetworkInfo, NetworkSpec } from '../runtime/networks/network-spec.js';
import type { WorkerPool } from '../runtime/workers/pool.js';
import { findVariant } from '../zoo/weights.js';
import type { Admission } from './cost/admission.js';
import { networkSpecOf } from './loading/bring-up.js';
import type { ServedModel } from './models/model.js';
import type { Summaries } from './summaries.js';

export interface LayerNetworksOptions {
  pool: Pick<WorkerPool, 'load' | 'unload' | 'holds'>;
  /** Knows the layers of networks. */
  summaries: Pick<Summaries, 'summary'>;
  admission: Admission;
  /** Number of workers that load each. */
  instances: number;
}

/** A network that stays loaded until it is released. */
interface HeldLayer {
  model: ServedModel;
  /** Sizes of the layer's values for one picture. */
  shape: readonly number[];
  release(): void;
}

/** A layer of a model. */
interface FoundLayer {
  name: string;
  /** The tensor that it gives. */
  tensor: string;
  /** Sizes of its values for one picture. */
  shape: readonly number[];
}

interface Entry {
  loading: Promise<ServedModel>;
  loaded: boolean;
  /** Number of requests that hold it. */
  users: number;
  idle: NodeJS.Timeout | undefined;
}

/** Networks at a time. Each takes the memory of its model once more. */
const MOST_LOADED = 2;
/** How long one is kept that nobody uses. */
const IDLE_MS = 60_000;
/** Most values of a layer: 4 MiB. */
const MOST_VALUES = 2 ** 20;
const RETRY_S = 5;

/**
 * Networks that give the values of a layer inside the graph: the model's file once more, with that tensor as its features. Loaded when
 * first asked for, and unloaded when nobody asks any more.
 */
export class LayerNetworks {
  readonly #options: LayerNetworksOptions;
  /** By key. */
  readonly #entries = new Map<string, Entry>();

  constructor(options: LayerNetworksOptions) {
    this.#options = options;
  }

  /**
   * Keeps the network of a layer loaded until it is released. Loading it counts as work that waits.
   * @param layer name of a layer in the model's summary, or of the tensor that it gives
   * @throws MenagerieError `invalid_request` for no such layer, or one without float values; `answer_too_large`, `overloaded`,
   *   `memory_exceeded`, and what inspecting the file throws
   */
  async hold(model: ServedModel, layer: string): Promise<HeldLayer> {
    const found = await this.#find(model, layer);
    const key = `${model.key}:${found.tensor}`;
    const entry = this.#entryOf(key, model, found);
    clearTimeout(entry.idle);
    entry.users++;
    const release = () => this.#release(key, entry);
    try {
      return { model: await entry.loading, shape: found.shape, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  async #find({ id, variant, folder }: ServedModel, name: string): Promise<FoundLayer> {
    const { summaries } = this.#options;
    const options = { variant, inputShape: undefined, timing: false };
    const found = await summaries.summary(id, options).catch((error: unknown) => {
      // The file leaves the shape open.
      if (toMenagerieError(error).code !== 'invalid_input_shape') throw error;
      return summaries.summary(id, { ...options, inputShape: inputShape(folder.manifest, 1) });
    });
    const { layers } = found.inspection.summary;
    const layer = layers.find((each) => each.name === name) ?? layers.find((each) => each.tensor === name);
    if (!layer || layer.tensor === '') {
      const what = `Model "${id}" has no layer "${name}"; GET /models/${id}/summary lists them.`;
      throw new MenagerieError('invalid_request', what);
    }
    const [batch, ...each] = layer.output;
    const shape = batch === 1 && each.length > 0 ? each : layer.output;
    const values = countOf(shape);
    if (values <= MOST_VALUES) return { name, tensor: layer.tensor, shape };
    throw new MenagerieError(
      'answer_too_large',
      `Layer "${name}" has ${values} values for a picture (${shape.join('x')}); at most ${MOST_VALUES} are answered.`,
    );
  }

  #entryOf(key: string, model: ServedModel, layer: FoundLayer): Entry {
    const known = this.#entries.get(key);
    // The workers may have lost it since it was loaded.
    if (known && (!known.loaded || this.#options.pool.holds(key))) return known;
    this.#makeRoom(key);
    const entry: Entry = { loading: this.#load(key, model, layer), loaded: false, users: 0, idle: undefined };
    this.#entries.set(key, entry);
    const noteLoaded = () => {
      entry.loaded = true;
    };
    entry.loading.then(noteLoaded, () => this.#drop(key, entry));
    return entry;
  }

  /** Unloads one that nobody uses, if there are too many. @throws MenagerieError `overloaded` */
  #makeRoom(key: string): void {
    this.#entries.delete(key);
    if (this.#entries.size < MOST_LOADED) return;
    const unused = [...this.#entries].find(([, { users }]) => users === 0);
    if (!unused) {
      const what = `The features of ${MOST_LOADED} other layers are being computed.`;
      throw new MenagerieError('overloaded', what, { retryAfterS: RETRY_S });
    }
    this.#drop(...unused);
  }

  async #load(key: string, model: ServedModel, { name, tensor, shape }: FoundLayer): Promise<ServedModel> {
    const { pool, admission, instances } = this.#options;
    const { info, variant, folder } = model;
    const ms = info.loadMs + info.warmupMs;
    const gmacs = Math.min(ms / NOMINAL_MS_PER_GMAC, admission.limit);
    const room = admission.reserve([{ gmacs, ms }], Number.POSITIVE_INFINITY);
    try {
      const spec = networkSpecOf(folder, findVariant(folder, variant), { key, rows: undefined });
      const loaded = await loadLayer(pool, spec, { tensor, size: countOf(shape) }, instances);
      return { ...model, key, info: loaded, viewMs: loaded.viewMs };
    } catch (error) {
      const { code, message, cause } = toMenagerieError(error);
      if (code !== 'signature_mismatch') throw error;
      throw new MenagerieError('invalid_request', `Layer "${name}" has no features. ${message}`, { cause });
    } finally {
      room.close();
    }
  }

  #release(key: string, entry: Entry): void {
    entry.users--;
    if (entry.users === 0) entry.idle = setTimeout(() => this.#drop(key, entry), IDLE_MS).unref();
  }

  #drop(key: string, entry: Entry): void {
    clearTimeout(entry.idle);
    // There may be another by now, if this one failed or was lost.
    if (this.#entries.get(key) !== entry) return;
    this.#entries.delete(key);
    this.#options.pool.unload(key).catch(() => undefined);
  }
}

/**
 * Loads a network whose features are the values of a tensor inside the graph.
 * @throws MenagerieError `signature_mismatch` if they cannot be had, and what loading throws
 */
export async function loadLayer(
  pool: Pick<WorkerPool, 'load' | 'unload'>,
  spec: NetworkSpec,
  layer: LayerTensor,
  instances: number,
): Promise<NetworkInfo> {
  // One view at a time: the values of several could be many.
  const info = await pool.load({ ...spec, base: undefined, batch: 1, layer }, instances);
  if (info.features !== undefined) return info;
  await pool.unload(spec.key);
  throw new MenagerieError(
    'signature_mismatch',
    `The values of "${layer.tensor}" are not numbers, or not the same for each picture.`,
  );
}
