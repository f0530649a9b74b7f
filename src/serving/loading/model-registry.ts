import { MenagerieError, toMenagerieError } from '../../core/errors.js';
import { variantsOf } from '../../core/manifest/manifest.js';
import type { VariantName } from '../../core/manifest/variant.js';
import {
  type ModelFolder,
  type RefusedFolder,
  type Repository,
  unknownModel,
  withoutPaths,
} from '../../zoo/repository.js';
import { findVariant, isPulled, preferredVariant } from '../../zoo/weights.js';
import { smoothed } from '../cost/cost.js';
import { ensembleStatus, notOneModel } from '../models/ensemble-status.js';
import type { ModelState, ModelStatus, ServedModel } from '../models/model.js';
import type { ModelEvents } from '../models/model-events.js';
import { LOADING_RETRY_S, notLoaded, whyNotServed } from '../models/why-not-served.js';
import { baseFileOf } from './base-file.js';
import { type BringUpOptions, bringUp } from './bring-up.js';

interface RegistryEntry {
  folder: ModelFolder;
  state: Exclude<ModelState, 'not_pulled' | 'refused'>;
  reason: string | undefined;
  /** Whether the model is being loaded or unloaded. */
  busy: boolean;
  served: ServedModel | undefined;
}

/** What `menagerie tune` found best for a model on this machine. */
export interface ModelTuning {
  variant: VariantName;
  /** Rows of a batch. */
  batch: number;
}

export interface ModelRegistryOptions extends BringUpOptions {
  repository: Repository;
  /** By id; used unless a load names another variant. */
  tuned: ReadonlyMap<string, ModelTuning>;
  /** Whether models without trained weights may answer requests. */
  allowUntrained: boolean;
  events: ModelEvents;
}

const LISTED_AT_A_TIME = 32;
const BEING_REPLACED = 'the worker that held it is being replaced';

/** Loads and unloads the models of a repository, and knows their states. */
export class ModelRegistry {
  readonly #options: ModelRegistryOptions;
  readonly #entries: Map<string, RegistryEntry>;
  /** Ids of the models that must serve for the server to be ready: named at start, and not unloaded since. */
  readonly #wanted = new Set<string>();
  /** Number of requests that hold each network, by key. */
  readonly #inFlight = new Map<string, { count: number; whenIdle: (() => void)[] }>();
  /** Networks in the workers, by key: those that serve, and those that finish their requests before they are unloaded. */
  readonly #loaded = new Map<string, ServedModel>();
  #generation = 0;

  constructor(options: ModelRegistryOptions) {
    this.#options = options;
    this.#entries = new Map(
      [...options.repository.models.values()].map((folder) => [
        folder.id,
        { folder, state: 'unloaded', reason: undefined, busy: false, served: undefined },
      ]),
    );
  }

  /** Whether all models named at start are ready, and at least one model serves. Models loaded later do not matter. */
  get ready(): boolean {
    return this.serving.length > 0 && [...this.#wanted].every((id) => this.#entries.get(id)?.state === 'ready');
  }

  /** Names the models that must serve for the server to be ready. */
  expect(ids: readonly string[]): void {
    for (const id of ids) this.#wanted.add(id);
  }

  /** The models that answer now. */
  get serving(): ServedModel[] {
    return [...this.#entries.values()].flatMap(({ served }) => served ?? []);
  }

  /** Every model and ensemble of the repository, refused ones included. */
  async list(): Promise<ModelStatus[]> {
    const { ensembles, refused } = this.#options.repository;
    const ids = [...this.#entries.keys(), ...ensembles.keys()];
    const known: ModelStatus[] = [];
    // A few at a time: there may be thousands, and other work needs the disk and this thread too.
    for (let at = 0; at < ids.length; at += LISTED_AT_A_TIME) {
      known.push(...(await Promise.all(ids.slice(at, at + LISTED_AT_A_TIME).map((id) => this.status(id)))));
    }
    return [...known, ...refused.map((folder) => this.#refusedStatus(folder))];
  }

  /** @throws MenagerieError `unknown_model` */
  async status(id: string): Promise<ModelStatus> {
    const { ensembles, refused: faulty } = this.#options.repository;
    const ensemble = ensembles.get(id);
    if (ensemble) {
      const members = ensemble.ensemble.members.map(({ model }) => this.status(model));
      return ensembleStatus(ensemble, await Promise.all(members));
    }
    const refused = this.#entries.has(id) ? undefined : faulty.find((folder) => folder.id === id);
    if (refused) return this.#refusedStatus(refused);
    const { folder, state, reason, served } = this.#entry(id);
    const { manifest } = folder;
    const pulled: VariantName[] = [];
    for (const [name, variant] of variantsOf(manifest)) if (await isPulled(folder, variant)) pulled.push(name);
    const unpulled = state === 'unloaded' && pulled.length === 0;
    const { labels } = folder;
    const shown = unpulled ? 'not_pulled' : state;
    return { id, ensemble: undefined, state: shown, reason, manifest, labels, pulled, served };
  }

  /**
   * Loads a model, or replaces a loaded one, which serves until the new one is checked, and continues if that fails.
   * @param name name of the variant; default: the first that is pulled of the tuned one, the manifest's default, the others
   * @throws MenagerieError `unknown_model`, `unknown_variant`, `model_busy`, and what verifying and loading throw
   */
  async load(id: string, name?: string): Promise<ServedModel> {
    const entry = this.#entry(id);
    const tuned = this.#options.tuned.get(id);
    const variant =
      name === undefined ? await preferredVariant(entry.folder, tuned?.variant) : findVariant(entry.folder, name);
    const rows = tuned?.variant === variant.name ? tuned.batch : undefined;
    this.#begin(entry);
    const old = entry.served;
    try {
      if (!old) this.#move(entry, 'loading');
      const started = performance.now();
      const key = `${id}@${variant.name}#${++this.#generation}`;
      const base = baseFileOf(this.#options.repository, entry.folder);
      const served = await bringUp(entry.folder, variant, { key, rows, base }, this.#options, () => {
        if (!old) this.#move(entry, 'warming');
      });
      // Its workers may have ended since it was loaded.
      if (!this.#options.pool.holds(key))
        throw new MenagerieError('worker_failed', 'The workers that had loaded it died.');
      entry.served = served;
      this.#loaded.set(key, served);
      this.#options.events.modelLoaded(served, performance.now() - started);
      this.#moveByInstances(entry);
      if (old) await this.#takeDown(old);
      return served;
    } catch (error) {
      const { code, message, cause } = toMenagerieError(error);
      const shown = withoutPaths(this.#options.repository, message);
      // The old one may have been lost in the meantime.
      if (entry.served) this.#moveByInstances(entry, `Reloading failed: ${shown}`);
      else if (code === 'model_not_pulled') this.#move(entry, 'unloaded');
      else this.#move(entry, 'failed', shown);
      throw new MenagerieError(code, shown, { cause });
    } finally {
      entry.busy = false;
    }
  }

  /**
   * Unloads a model, after the requests that hold it have ended.
   * @throws MenagerieError `unknown_model`, `model_not_loaded`, `model_busy`
   */
  async unload(id: string): Promise<void> {
    const entry = this.#entry(id);
    const { served } = entry;
    if (!served && entry.state !== 'failed') throw notLoaded(id);
    this.#begin(entry);
    this.#wanted.delete(id);
    entry.served = undefined;
    try {
      if (served) {
        this.#move(entry, 'draining');
        await this.#takeDown(served);
      }
      this.#move(entry, 'unloaded');
    } finally {
      entry.busy = false;
    }
  }

  /**
   * Keeps a model loaded until it is released.
   * @throws MenagerieError `unknown_model`, `model_untrained`, `model_not_pulled`, `model_not_loaded`, `model_not_ready`,
   *   `model_failed`
   */
  async hold(id: string): Promise<{ model: ServedModel; release(): void }> {
    const { served, folder } = this.#entries.get(id) ?? {};
    if (folder?.manifest.untrained && !this.#options.allowUntrained) {
      throw new MenagerieError('model_untrained', `Model "${id}" is an architecture without learned weights.`);
    }
    if (!served) throw whyNotServed(await this.status(id));
    const use = this.#inFlight.get(served.key) ?? { count: 0, whenIdle: [] };
    this.#inFlight.set(served.key, use);
    use.count++;
    const release = () => {
      use.count--;
      if (use.count > 0) return;
      this.#inFlight.delete(served.key);
      for (const resolve of use.whenIdle) resolve();
    };
    return { model: served, release };
  }

  /** Notes a run of a network, and updates the expected time of the model. */
  executed(key: string, rows: number, ms: number): void {
    const served = this.#loaded.get(key);
    // Runs of a model that does not serve yet, for its golden picture, do not count.
    if (!served) return;
    served.viewMs = smoothed(served.viewMs, ms / rows);
    this.#options.events.executed(served.id, served.variant, rows);
  }

  /** Notes that the number of workers that can run a network has changed. */
  instancesChanged(key: string): void {
    const entry = this.#entryOf(key);
    if (!entry) return;
    const ready = this.#options.pool.instances(key) > 0;
    if (ready !== (entry.state === 'ready')) this.#moveByInstances(entry);
  }

  /** Notes that no worker holds a network any more, though it was not unloaded. */
  networkLost(key: string, reason: string): void {
    const entry = this.#entryOf(key);
    if (!entry) return;
    this.#loaded.delete(key);
    entry.served = undefined;
    this.#move(entry, 'failed', reason);
  }

  async #takeDown({ key }: ServedModel): Promise<void> {
    const use = this.#inFlight.get(key);
    if (use) await new Promise<void>((resolve) => use.whenIdle.push(resolve));
    await this.#options.pool.unload(key);
    this.#loaded.delete(key);
  }

  #refusedStatus({ id, error }: RefusedFolder): ModelStatus {
    const reason = withoutPaths(this.#options.repository, error.message);
    return {
      id,
      ensemble: undefined,
      state: 'refused',
      reason,
      manifest: undefined,
      labels: [],
      pulled: [],
      served: undefined,
    };
  }

  #entry(id: string): RegistryEntry {
    const entry = this.#entries.get(id);
    if (entry) return entry;
    const { ensembles } = this.#options.repository;
    throw ensembles.has(id) ? notOneModel(ensembles, id) : unknownModel(id);
  }

  #entryOf(key: string): RegistryEntry | undefined {
    return [...this.#entries.values()].find(({ served }) => served?.key === key);
  }

  /** A served model is `ready` while a worker can run it, else `loading`; its requests wait meanwhile. */
  #moveByInstances(entry: RegistryEntry, reason?: string): void {
    const ready = this.#options.pool.instances(entry.served?.key ?? '') > 0;
    if (ready) this.#move(entry, 'ready', reason);
    else this.#move(entry, 'loading', BEING_REPLACED);
  }

  #begin(entry: RegistryEntry): void {
    if (entry.busy) {
      throw new MenagerieError('model_busy', `Model "${entry.folder.id}" is already being loaded or unloaded.`, {
        retryAfterS: LOADING_RETRY_S,
      });
    }
    entry.busy = true;
  }

  #move(entry: RegistryEntry, state: RegistryEntry['state'], reason?: string): void {
    entry.state = state;
    entry.reason = reason;
    this.#options.events.modelStateChanged(entry.folder.id, state, reason);
  }
}
