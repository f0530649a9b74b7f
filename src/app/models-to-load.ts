import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config } from '../config/load-config.js';
import { MenagerieError } from '../core/errors.js';
import { variantsOf } from '../core/manifest/manifest.js';
import type { VariantName } from '../core/manifest/variant.js';
import { type Asked, membersOf } from '../serving/asking/asked.js';
import { type Candidate, chooseModel, ranked } from '../serving/asking/choose-model.js';
import type { ModelRegistry } from '../serving/loading/model-registry.js';
import type { LiveRepository } from '../zoo/live-repository.js';
import { openRepository } from '../zoo/open-repository.js';
import type { ModelFolder, Repository } from '../zoo/repository.js';
import { findVariant, isPulled, type NamedVariant, preferredVariant } from '../zoo/weights.js';

/** The bundled models that a server waits for at start, one for photographs and one for digits: all would take several seconds. */
const BUNDLED_FIRST = new Set(['efficientnet-lite2', 'lenet5']);

/** The directory with the labels and golden pictures of all models. */
export const BUILT_IN_MODELS = fileURLToPath(new URL('../../models', import.meta.url));

/** The directory of trained models, which need not exist. */
export function writableModels({ dataDir }: Pick<Config, 'dataDir'>): string {
  return join(dataDir, 'models');
}

/**
 * Reads the model directories of a configuration: the built-in one first, that of trained models last.
 * @throws MenagerieError `invalid_config` if a directory does not exist, `io_error`
 */
export function openModels(config: Config): Promise<LiveRepository> {
  return openRepository([BUILT_IN_MODELS, ...config.modelDirs], writableModels(config));
}

/** Ids that the settings name: without these models a server would not start any more. */
export function namedInSettings({ models = [], defaultModel }: Config): string[] {
  const ids = models.map((entry) => entry.split(':', 1).join());
  return defaultModel === undefined ? ids : [...ids, defaultModel];
}

/**
 * Loads the requested models and waits until they are ready.
 * @param variant for all models; default: each model's own
 * @throws MenagerieError what ModelRegistry.load throws
 */
export async function loadAsked(
  { repository, registry }: { repository: Repository; registry: Pick<ModelRegistry, 'load'> },
  asked: Asked,
  variant?: string,
): Promise<void> {
  const ids = membersOf(repository, asked);
  await Promise.all(ids.map((id) => registry.load(id, variant)));
}

/** A model to load, and the variant if it was specified. */
export interface WantedModel {
  id: string;
  variant: string | undefined;
}

/** The models that a server loads. */
export interface ModelsToLoad {
  /** The server is ready when these are. */
  first: WantedModel[];
  /** These follow, as far as the memory goes; the best first. */
  later: WantedModel[];
}

/**
 * The models to load at start: those configured, members of ensembles included; by default all whose weights are on disk, most of the
 * bundled ones later.
 * @throws MenagerieError `invalid_config` naming every model and variant that does not exist
 */
export async function modelsToLoad(repository: Repository, config: Config): Promise<ModelsToLoad> {
  const { models } = repository;
  const { defaultModel } = config;
  if (defaultModel !== undefined && !models.has(defaultModel) && !repository.ensembles.has(defaultModel)) {
    throw new MenagerieError('invalid_config', `MENAGERIE_DEFAULT_MODEL: ${notThere(repository, defaultModel)}`);
  }
  if (config.models === undefined)
    return await modelsOnDisk(repository, membersOf(repository, { model: defaultModel }));
  const named = config.models.flatMap((entry) => {
    const [id = '', variant] = entry.split(':');
    return membersOf(repository, { model: id }).map((model) => ({ id: model, variant }));
  });
  // A model may be named and also be a member of an ensemble: the specified variant counts.
  const wanted = [...new Set(named.map(({ id }) => id))].map((id) => {
    const same = named.filter((model) => model.id === id);
    return same.find(({ variant }) => variant !== undefined) ?? { id, variant: undefined };
  });
  const faults = wanted.flatMap(({ id, variant }) => {
    const model = models.get(id);
    if (!model) return [notThere(repository, id)];
    const known = variantsOf(model.manifest).some(([name]) => name === variant);
    return variant === undefined || known ? [] : [`"${id}" has no variant "${variant}"`];
  });
  if (faults.length > 0) throw new MenagerieError('invalid_config', `MENAGERIE_MODELS: ${faults.join('; ')}`);
  return { first: wanted, later: [] };
}

/** All trained models whose weights are on disk. @param needed ids of bundled models that may not come later */
async function modelsOnDisk({ models }: Repository, needed: readonly string[]): Promise<ModelsToLoad> {
  const builtIn = await realpath(BUILT_IN_MODELS);
  const first: WantedModel[] = [];
  const later: Candidate[] = [];
  for (const model of models.values()) {
    const { id, root, manifest } = model;
    const variants = variantsOf(manifest);
    const present = await Promise.all(variants.map(([, variant]) => isPulled(model, variant)));
    if (!present.includes(true) || manifest.untrained) continue;
    const bundled = root === builtIn && variants.some(([, { url }]) => url === undefined);
    if (bundled && !BUNDLED_FIRST.has(id) && !needed.includes(id)) {
      later.push({ folder: model, variant: (await preferredVariant(model)).name });
    } else first.push({ id, variant: undefined });
  }
  return { first, later: ranked(later).map(({ folder: { id } }) => ({ id, variant: undefined })) };
}

/** The weights that a wanted model is loaded with. @param tuned the variant that `menagerie tune` found best */
export function wantedVariant(
  model: ModelFolder,
  { variant }: WantedModel,
  tuned?: VariantName,
): Promise<NamedVariant> | NamedVariant {
  return variant === undefined ? preferredVariant(model, tuned) : findVariant(model, variant);
}

/**
 * The model for a command that names none: the one that a server with this configuration chooses when it has loaded all its models.
 * @throws MenagerieError from modelsToLoad and chooseModel
 */
export async function defaultModelOf(repository: Repository, config: Config): Promise<string> {
  const { first, later } = await modelsToLoad(repository, config);
  const candidates = [...first, ...later].map(async (wanted) => {
    const folder = repository.models.get(wanted.id);
    return folder ? [{ folder, variant: (await wantedVariant(folder, wanted)).name }] : [];
  });
  return chooseModel((await Promise.all(candidates)).flat(), config.defaultModel).id;
}

function notThere({ refused }: Repository, id: string): string {
  const reason = refused.find((folder) => folder.id === id)?.error.message;
  return `there is no model "${id}"${reason ? `: ${reason}` : ''}`;
}
