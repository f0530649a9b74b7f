import { fileURLToPath } from 'node:url';
import type { Config } from '../config/load-config.js';
import { MenagerieError } from '../core/errors.js';
import { variantsOf } from '../core/manifest/manifest.js';
import { type Asked, membersOf } from '../serving/asking/asked.js';
import type { ModelRegistry } from '../serving/loading/model-registry.js';
import type { Repository } from '../zoo/repository.js';
import { isPulled } from '../zoo/weights.js';

const BUILT_IN_MODELS = fileURLToPath(new URL('../../models', import.meta.url));

/** The model directories of a configuration, the built-in one first. */
export function modelDirectories(config: Config): string[] {
  return [BUILT_IN_MODELS, ...config.modelDirs];
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

/**
 * The models to load at start: those configured, members of ensembles included; by default all whose weights are on disk.
 * @throws MenagerieError `invalid_config` naming every model and variant that does not exist
 */
export async function modelsToLoad(repository: Repository, config: Config): Promise<WantedModel[]> {
  const { models } = repository;
  const { defaultModel } = config;
  if (defaultModel !== undefined && !models.has(defaultModel) && !repository.ensembles.has(defaultModel)) {
    throw new MenagerieError('invalid_config', `MENAGERIE_DEFAULT_MODEL: ${notThere(repository, defaultModel)}`);
  }
  if (config.models === undefined) {
    const wanted: WantedModel[] = [];
    for (const model of models.values()) {
      const present = await Promise.all(variantsOf(model.manifest).map(([, variant]) => isPulled(model, variant)));
      if (present.includes(true) && !model.manifest.untrained) wanted.push({ id: model.id, variant: undefined });
    }
    return wanted;
  }
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
  return wanted;
}

function notThere({ refused }: Repository, id: string): string {
  const reason = refused.find((folder) => folder.id === id)?.error.message;
  return `there is no model "${id}"${reason ? `: ${reason}` : ''}`;
}
