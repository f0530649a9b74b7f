import { realpath } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { MenagerieError } from '../core/errors.js';
import { parseManifest } from '../core/manifest/manifest.js';
import { ensembleFaults, openEnsembles } from './ensembles.js';
import { isFolder } from './files.js';
import { FolderReader, MANIFEST, type ModelPlace } from './read-model-folder.js';
import {
  type EnsembleFile,
  type ModelFolder,
  type RefusedFolder,
  type Repository,
  unknownModel,
} from './repository.js';

interface Contents {
  models: ReadonlyMap<string, ModelFolder>;
  ensembles: ReadonlyMap<string, EnsembleFile>;
  refused: readonly RefusedFolder[];
}

/**
 * A repository that changes. Its maps are replaced, never changed, so that who reads one sees a whole state. Only models of one
 * directory, the writable one, are replaced or removed.
 */
export class LiveRepository implements Repository {
  #contents: Contents;
  #roots: readonly string[];
  readonly #writable: string | undefined;

  constructor(roots: readonly string[], writable: string | undefined, contents: Contents) {
    this.#roots = roots;
    this.#writable = writable;
    this.#contents = contents;
  }

  get roots(): readonly string[] {
    return this.#roots;
  }

  get models(): ReadonlyMap<string, ModelFolder> {
    return this.#contents.models;
  }

  get ensembles(): ReadonlyMap<string, EnsembleFile> {
    return this.#contents.ensembles;
  }

  get refused(): readonly RefusedFolder[] {
    return this.#contents.refused;
  }

  /**
   * A model's folder as it is on disk now: another program may have written it. The repository is not changed.
   * @returns the known folder itself if its manifest is the same
   * @throws MenagerieError `unknown_model`, and what reading a model folder throws
   */
  async reread(id: string): Promise<ModelFolder> {
    const known = this.models.get(id);
    const reader = new FolderReader(this.#builtIn);
    for (const { root, folder } of known ? [known] : await this.#placesOf(id)) {
      const manifest = await reader.manifestOf({ id, root, folder });
      if (manifest === undefined) continue;
      // Labels are not read again for nothing.
      if (known && isDeepStrictEqual(parseManifest(manifest, MANIFEST), known.manifest)) return known;
      return await reader.parse({ id, root, folder }, manifest);
    }
    if (known) throw new MenagerieError('file_missing', `The folder ${known.folder} is not there any more.`);
    throw unknownModel(id);
  }

  /**
   * The model that a manifest makes of a folder; the repository is not changed.
   * @throws MenagerieError `invalid_manifest`, `invalid_labels`, `file_missing`, `io_error`
   */
  async parse(place: ModelPlace, manifest: string): Promise<ModelFolder> {
    return await new FolderReader(this.#builtIn).parse(place, manifest);
  }

  /**
   * Checks that a model may be added, or take the place of the one of its id.
   * @throws MenagerieError `model_protected` if another folder or an ensemble has the id, or if an ensemble could not have the model as
   *   its member any more
   */
  assertFits(model: ModelFolder): void {
    this.assertFree(model);
    const models = new Map(this.models).set(model.id, model);
    for (const { id, ensemble } of this.#ensemblesWith(model.id)) {
      const [fault] = ensembleFaults(ensemble, { models, refused: this.refused });
      if (fault !== undefined) throw isProtected(`"${model.id}" is a member of ensemble "${id}" (${fault})`);
    }
  }

  /**
   * Checks that no other folder and no ensemble has the id of a model that is to be written.
   * @throws MenagerieError `model_protected`
   */
  assertFree({ id, folder }: Pick<ModelFolder, 'id' | 'folder'>): void {
    const holder = this.models.get(id) ?? this.#faulty(id);
    if ((holder && holder.folder !== folder) || this.ensembles.has(id)) {
      throw isProtected(`The id "${id}" is that of a model or ensemble that cannot be replaced`);
    }
  }

  /** Adds a model, or replaces the one of its id. Ensembles that lacked it are opened. */
  async put(model: ModelFolder): Promise<void> {
    const { models, ensembles, refused } = this.#contents;
    this.#contents = {
      models: new Map(models).set(model.id, model),
      ensembles,
      refused: refused.filter(({ folder }) => folder !== model.folder),
    };
    if (!this.#roots.includes(model.root)) this.#roots = [...this.#roots, model.root];
    const faulty = this.refused.filter(({ kind }) => kind === 'model');
    const opened = await openEnsembles(this.#roots, { models: this.models, refused: faulty }).catch(() => ({
      ensembles: [],
    }));
    const now = this.#contents;
    // An ensemble that is open stays as it is, whatever has become of its file.
    const found = [...opened.ensembles].filter(([id]) => !now.models.has(id));
    const known = new Map([...found, ...now.ensembles]);
    this.#contents = {
      ...now,
      ensembles: known,
      refused: now.refused.filter(({ kind, id }) => kind === 'model' || !known.has(id)),
    };
  }

  /**
   * The place of a model that may be removed.
   * @param named ids that the settings name
   * @throws MenagerieError `unknown_model`, `model_protected` if it is outside the writable directory, a member of an ensemble, or named
   */
  async removable(id: string, named: readonly string[]): Promise<ModelPlace> {
    const place = await this.changeable(id);
    const [ensemble] = this.#ensemblesWith(id);
    if (ensemble) throw isProtected(`"${id}" is a member of ensemble "${ensemble.id}"`);
    if (named.includes(id)) {
      throw isProtected(`"${id}" is named in MENAGERIE_MODELS or MENAGERIE_DEFAULT_MODEL`);
    }
    return place;
  }

  /**
   * The place of a model of the writable directory, faulty ones included.
   * @throws MenagerieError `unknown_model`, `model_protected`
   */
  async changeable(id: string): Promise<ModelPlace> {
    const folder = (this.models.get(id) ?? this.#faulty(id))?.folder;
    if (folder === undefined && this.ensembles.has(id)) throw isProtected(`"${id}" is an ensemble`);
    if (folder === undefined) throw unknownModel(id);
    const root = await this.#writableRoot();
    if (root !== undefined && folder === join(root, id)) return { id, root, folder };
    throw isProtected(`"${id}" is not in the model directory below MENAGERIE_DATA_DIR`);
  }

  /** Forgets a model. */
  drop({ id, folder }: ModelPlace): void {
    const models = new Map(this.models);
    if (models.get(id)?.folder === folder) models.delete(id);
    const refused = this.refused.filter((other) => other.folder !== folder);
    this.#contents = { ...this.#contents, models, refused };
  }

  get #builtIn(): string {
    return this.#roots[0] ?? '';
  }

  #faulty(id: string): RefusedFolder | undefined {
    return this.refused.find((other) => other.kind === 'model' && other.id === id);
  }

  #ensemblesWith(member: string): EnsembleFile[] {
    return [...this.ensembles.values()].filter(({ ensemble }) =>
      ensemble.members.some(({ model }) => model === member),
    );
  }

  /** The folders of a model that is not known, which may have been written since, in the order in which directories count. */
  async #placesOf(id: string): Promise<ModelPlace[]> {
    const root = await this.#writableRoot();
    const roots = root === undefined || this.#roots.includes(root) ? this.#roots : [...this.#roots, root];
    const places = roots.map((directory) => ({ id, root: directory, folder: join(directory, id) }));
    const there = await Promise.all(places.map(({ folder }) => isFolder(folder)));
    return places.filter((_place, i) => there[i]);
  }

  /** The writable directory after links are followed; undefined if it does not exist. */
  async #writableRoot(): Promise<string | undefined> {
    return this.#writable === undefined ? undefined : await realpath(resolve(this.#writable)).catch(() => undefined);
  }
}

function isProtected(why: string): MenagerieError {
  return new MenagerieError('model_protected', `${why}.`);
}
