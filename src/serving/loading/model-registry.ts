import { MenagerieError, toMenagerieError } from '../../core/errors.js';
import type { VariantName } from '../../core/manifest/variant.js';
import type { LiveRepository } from '../../zoo/live-repository.js';
import { commitModel, discardModel, removeModel, type StagedModel, stagePrevious } from '../../zoo/model-folder.js';
import { type ModelFolder, withoutPaths } from '../../zoo/repository.js';
import { findVariant, type NamedVariant, preferredVariant } from '../../zoo/weights.js';
import { smoothed } from '../cost/cost.js';
import { notOneModel } from '../models/ensemble-status.js';
import type { ModelStatus, ServedModel } from '../models/model.js';
import type { ModelEvents } from '../models/model-events.js';
import { openWeightsFile, type WeightsFile } from '../models/weights-file.js';
import { notLoaded, whyNotServed } from '../models/why-not-served.js';
import { baseFileOf } from './base-file.js';
import { type BringUpOptions, bringUp, loadLone } from './bring-up.js';
import { ModelEntries, type ModelEntry } from './model-entries.js';
import { NetworkUses } from './network-uses.js';

/** What `menagerie tune` found best for a model on this machine. */
export interface ModelTuning {
  variant: VariantName;
  /** Rows of a batch. */
  batch: number;
}

export interface ModelRegistryOptions extends BringUpOptions {
  repository: LiveRepository;
  /** Ids that the settings name: these models cannot be removed. */
  named: readonly string[];
  /** By id; used unless a load names another variant. */
  tuned: ReadonlyMap<string, ModelTuning>;
  /** Whether models without trained weights may answer requests. */
  allowUntrained: boolean;
  events: ModelEvents;
}

const BEING_REPLACED = 'the worker that held it is being replaced';

/** Loads and unloads the models of a repository, and knows their states. */
export class ModelRegistry {
  readonly #options: ModelRegistryOptions;
  readonly #entries: ModelEntries;
  /** Ids of the models that must serve for the server to be ready: named at start, and not unloaded since. */
  readonly #wanted = new Set<string>();
  readonly #uses = new NetworkUses();
  /** Networks in the workers, by key: those that serve, and those that finish their requests before they are unloaded. */
  readonly #loaded = new Map<string, ServedModel>();
  #generation = 0;

  constructor(options: ModelRegistryOptions) {
    this.#options = options;
    this.#entries = new ModelEntries(options.repository, options.events, options.pool.lone);
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
    return this.#entries.serving;
  }

  /** Every model and ensemble of the repository, refused ones included. */
  list(): Promise<ModelStatus[]> {
    return this.#entries.list();
  }

  /** @throws MenagerieError `unknown_model` */
  status(id: string): Promise<ModelStatus> {
    return this.#entries.status(id);
  }

  /**
   * The ONNX file of a model.
   * @param name name of the variant; default: that which serves, or else the first that is pulled
   * @throws MenagerieError `unknown_model`, `unknown_variant`, `model_not_pulled`, `invalid_request`, and what verifying throws
   */
  async file(id: string, name?: string): Promise<WeightsFile> {
    const { folder, served } = this.#entries.need(id);
    return await openWeightsFile(folder, name ?? served?.variant).catch((error: unknown) => {
      throw this.#shown(error);
    });
  }

  /**
   * Loads a model as its folder is now, or replaces a loaded one, which serves until the new one is checked, and continues if that fails.
   * @param name name of the variant; default: the first that is pulled of the tuned one, the manifest's default, the others
   * @throws MenagerieError `unknown_model`, `unknown_variant`, `model_busy`, and what reading, verifying and loading throw
   */
  async load(id: string, name?: string): Promise<ServedModel> {
    const { repository, tuned } = this.#options;
    if (repository.ensembles.has(id)) throw notOneModel(repository.ensembles, id);
    const folder = await repository.reread(id).catch((error: unknown) => {
      throw this.#shown(error);
    });
    repository.assertFits(folder);
    const variant =
      name === undefined ? await preferredVariant(folder, tuned.get(id)?.variant) : findVariant(folder, name);
    return await this.#replace(folder, variant);
  }

  /**
   * Makes a staged version of a model the current one while serving: it is loaded and answers its golden picture, then its manifest
   * becomes current, and then it takes the place of the version before, which has served until now. If anything fails, that one serves
   * on, and the staged files are removed.
   * @throws MenagerieError `model_protected` if the id is another's or an ensemble could not keep the model, `model_busy`, and what
   *   reading, verifying, loading and writing throw
   */
  async adopt(staged: StagedModel): Promise<ServedModel> {
    const { repository } = this.#options;
    try {
      const folder = await repository.parse(staged, staged.manifest);
      repository.assertFits(folder);
      return await this.#replace(folder, findVariant(folder), staged);
    } catch (error) {
      await discardModel(staged);
      throw this.#shown(error, staged.root);
    }
  }

  /**
   * Brings back the version before the current one, as `adopt` does. What was current can be brought back in the same way.
   * @throws MenagerieError `unknown_model`, `model_protected`, `no_previous_version`, and what `adopt` throws
   */
  async rollback(id: string): Promise<ServedModel> {
    const place = await this.#options.repository.changeable(id);
    const previous = await stagePrevious(place).catch((error: unknown) => {
      throw this.#shown(error);
    });
    return await this.adopt(previous);
  }

  /**
   * Removes a model from the disk, and unloads it after the requests that hold it have ended.
   * @throws MenagerieError `unknown_model`, `model_protected`, `model_busy`, `io_error`
   */
  async remove(id: string): Promise<void> {
    const { repository, named } = this.#options;
    const place = await repository.removable(id, named);
    const entry = this.#entries.get(id);
    if (entry) this.#entries.begin(entry.folder);
    try {
      await removeModel(place);
    } catch (error) {
      if (entry) entry.busy = false;
      throw this.#shown(error);
    }
    repository.drop(place);
    this.#wanted.delete(id);
    const served = entry?.served;
    if (entry) this.#entries.forget(id);
    if (served) await this.#takeDown(served);
  }

  /**
   * Unloads a model, after the requests that hold it have ended.
   * @throws MenagerieError `unknown_model`, `model_not_loaded`, `model_busy`
   */
  async unload(id: string): Promise<void> {
    const entry = this.#entries.need(id);
    const { served } = entry;
    if (!served && entry.state !== 'failed') throw notLoaded(id);
    this.#entries.begin(entry.folder);
    this.#wanted.delete(id);
    entry.served = undefined;
    try {
      if (served) {
        this.#entries.move(entry, 'draining');
        await this.#takeDown(served);
      }
      this.#entries.move(entry, 'unloaded');
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
    return { model: served, release: this.#uses.hold(served.key) };
  }

  /** Notes a run, and updates the time expected of its model under load: a lone run on n threads takes at least an n-th of it. */
  executed(key: string, rows: number, ms: number, lone: boolean): void {
    const served = this.#loaded.get(key);
    // Runs of a model that does not serve yet, for its golden picture, do not count.
    if (!served) return;
    const threads = lone ? this.#options.pool.lone.get(key)?.threads : undefined;
    served.viewMs = smoothed(served.viewMs, threads ? Math.min(served.viewMs, (threads * ms) / rows) : ms / rows);
    this.#options.events.executed(served.id, served.variant, rows, lone);
  }

  /** Notes that the number of workers that can run a network has changed. */
  instancesChanged(key: string): void {
    const entry = this.#entries.servedWith(key);
    if (!entry) return;
    const ready = this.#options.pool.instances(key) > 0;
    if (ready !== (entry.state === 'ready')) this.#moveByInstances(entry);
  }

  /** Notes that no worker holds a network any more, though it was not unloaded. */
  networkLost(key: string, reason: string): void {
    const entry = this.#entries.servedWith(key);
    if (!entry) return;
    this.#loaded.delete(key);
    entry.served = undefined;
    this.#entries.move(entry, 'failed', reason);
  }

  async #takeDown({ key }: ServedModel): Promise<void> {
    await this.#uses.idle(key);
    await this.#options.pool.unload(key);
    this.#loaded.delete(key);
  }

  /** Brings up a version of a model. @param staged if set, its manifest becomes current before it serves */
  async #replace(folder: ModelFolder, variant: NamedVariant, staged?: StagedModel): Promise<ServedModel> {
    const { pool, repository, tuned, events } = this.#options;
    const entry = this.#entries.begin(folder);
    const { state, reason } = entry;
    const { id } = folder;
    const best = tuned.get(id);
    const rows = best?.variant === variant.name ? best.batch : undefined;
    const old = entry.served;
    try {
      if (!old) this.#entries.move(entry, 'loading');
      const started = performance.now();
      const key = `${id}@${variant.name}#${++this.#generation}`;
      const base = baseFileOf(repository, folder);
      const served = await bringUp(folder, variant, { key, rows, base }, this.#options, () => {
        if (!old) this.#entries.move(entry, 'warming');
      });
      // Its workers may have ended since it was loaded.
      if (!pool.holds(key)) throw new MenagerieError('worker_failed', 'The workers that had loaded it died.');
      if (staged) await this.#commit(staged, key);
      entry.folder = folder;
      entry.served = served;
      this.#loaded.set(key, served);
      if (repository.models.get(id) !== folder) await repository.put(folder);
      events.modelLoaded(served, performance.now() - started);
      if (pool.holds(key)) this.#moveByInstances(entry);
      else this.networkLost(key, 'its workers died');
      if (old) await this.#takeDown(old);
      await loadLone(served, this.#options);
      return served;
    } catch (error) {
      const shown = this.#shown(error, folder.root);
      // The old one may have been lost in the meantime.
      if (entry.served)
        this.#moveByInstances(entry, `${staged ? 'A new version' : 'Reloading'} failed: ${shown.message}`);
      else if (!repository.models.has(id)) this.#entries.forget(id);
      else if (staged) this.#entries.move(entry, state, reason);
      else if (shown.code === 'model_not_pulled') this.#entries.move(entry, 'unloaded');
      else this.#entries.move(entry, 'failed', shown.message);
      throw shown;
    } finally {
      entry.busy = false;
    }
  }

  /** Makes a version that is loaded the current one on disk. */
  async #commit(staged: StagedModel, key: string): Promise<void> {
    try {
      await commitModel(staged);
    } catch (error) {
      await this.#options.pool.unload(key);
      throw error;
    }
  }

  /** An error for clients: without paths. @param root a model directory that may not be of the repository yet */
  #shown(error: unknown, root?: string): MenagerieError {
    const { code, message, cause, retryAfterS } = toMenagerieError(error);
    const { roots } = this.#options.repository;
    const shown = withoutPaths({ roots: root === undefined ? roots : [...roots, root] }, message);
    return new MenagerieError(code, shown, { cause, ...(retryAfterS === undefined ? {} : { retryAfterS }) });
  }

  /** A served model is `ready` while a worker can run it, else `loading`; its requests wait meanwhile. */
  #moveByInstances(entry: ModelEntry, reason?: string): void {
    const ready = this.#options.pool.instances(entry.served?.key ?? '') > 0;
    if (ready) this.#entries.move(entry, 'ready', reason);
    else this.#entries.move(entry, 'loading', BEING_REPLACED);
  }
}
