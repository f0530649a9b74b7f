import { MenagerieError } from '../../core/errors.js';
import type { LoneInstances } from '../../runtime/workers/lone-instances.js';
import {
  type ModelFolder,
  type RefusedFolder,
  type Repository,
  unknownModel,
  withoutPaths,
} from '../../zoo/repository.js';
import { ensembleStatus, notOneModel } from '../models/ensemble-status.js';
import type { ModelState, ModelStatus, ServedModel } from '../models/model.js';
import type { ModelEvents } from '../models/model-events.js';
import { modelStatus, refusedStatus } from '../models/model-status.js';
import { LOADING_RETRY_S } from '../models/why-not-served.js';

/** What the registry knows of a model. */
export interface ModelEntry {
  folder: ModelFolder;
  state: Exclude<ModelState, 'not_pulled' | 'refused'>;
  reason: string | undefined;
  /** Whether the model is being changed: loaded, unloaded, replaced or removed. */
  busy: boolean;
  served: ServedModel | undefined;
}

const LISTED_AT_A_TIME = 32;

/** The models of a registry by id, with their states. */
export class ModelEntries {
  readonly #repository: Repository;
  readonly #events: ModelEvents;
  readonly #lone: Pick<LoneInstances, 'get'>;
  readonly #entries: Map<string, ModelEntry>;

  /** @param lone the instances for lone requests */
  constructor(repository: Repository, events: ModelEvents, lone: Pick<LoneInstances, 'get'>) {
    this.#repository = repository;
    this.#events = events;
    this.#lone = lone;
    this.#entries = new Map([...repository.models].map(([id, folder]) => [id, newEntry(folder)]));
  }

  get(id: string): ModelEntry | undefined {
    return this.#entries.get(id);
  }

  /** @throws MenagerieError `unknown_model`, `invalid_request` for an ensemble */
  need(id: string): ModelEntry {
    const entry = this.#entries.get(id);
    if (entry) return entry;
    const { ensembles } = this.#repository;
    throw ensembles.has(id) ? notOneModel(ensembles, id) : unknownModel(id);
  }

  /** The models that answer now. */
  get serving(): ServedModel[] {
    return [...this.#entries.values()].flatMap(({ served }) => served ?? []);
  }

  /** The entry of the model that serves with a network. @param key the network's name in the workers */
  servedWith(key: string): ModelEntry | undefined {
    return [...this.#entries.values()].find(({ served }) => served?.key === key);
  }

  /** Every model and ensemble of the repository, refused ones included. */
  async list(): Promise<ModelStatus[]> {
    const { ensembles, refused } = this.#repository;
    const ids = [...this.#entries.keys(), ...ensembles.keys()];
    const known: ModelStatus[] = [];
    // A few at a time: there may be thousands, and other work needs the disk and this thread too.
    for (let at = 0; at < ids.length; at += LISTED_AT_A_TIME) {
      // One that is removed meanwhile is left out.
      const some = ids.slice(at, at + LISTED_AT_A_TIME).filter((id) => this.#entries.has(id) || ensembles.has(id));
      known.push(...(await Promise.all(some.map((id) => this.status(id)))));
    }
    return [...known, ...refused.map((folder) => this.#refused(folder))];
  }

  /** @throws MenagerieError `unknown_model` */
  async status(id: string): Promise<ModelStatus> {
    const { ensembles, refused: faulty } = this.#repository;
    const ensemble = ensembles.get(id);
    if (ensemble) {
      const members = ensemble.ensemble.members.map(({ model }) => this.status(model));
      return ensembleStatus(ensemble, await Promise.all(members));
    }
    const entry = this.#entries.get(id);
    if (entry) return await modelStatus(entry.folder, entry, this.#lone);
    const refused = faulty.find((folder) => folder.id === id);
    if (!refused) throw unknownModel(id);
    return this.#refused(refused);
  }

  /**
   * Claims the entry of a model, made if there is none, for one change at a time.
   * @throws MenagerieError `model_busy`
   */
  begin(folder: ModelFolder): ModelEntry {
    const { id } = folder;
    const entry = this.#entries.get(id) ?? newEntry(folder);
    if (entry.busy) {
      throw new MenagerieError('model_busy', `Model "${id}" is already being loaded, unloaded, replaced or removed.`, {
        retryAfterS: LOADING_RETRY_S,
      });
    }
    entry.busy = true;
    this.#entries.set(id, entry);
    return entry;
  }

  move(entry: ModelEntry, state: ModelEntry['state'], reason?: string): void {
    entry.state = state;
    entry.reason = reason;
    this.#events.modelStateChanged(entry.folder.id, state, reason);
  }

  forget(id: string): void {
    this.#entries.delete(id);
    this.#events.modelRemoved(id);
  }

  #refused(refused: RefusedFolder): ModelStatus {
    return refusedStatus(refused, withoutPaths(this.#repository, refused.error.message));
  }
}

function newEntry(folder: ModelFolder): ModelEntry {
  return { folder, state: 'unloaded', reason: undefined, busy: false, served: undefined };
}
