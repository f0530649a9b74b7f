import { MenagerieError, toMenagerieError } from '../core/errors.js';
import type { Crops } from '../core/manifest/crops.js';
import { ENSEMBLE_SIZE } from '../core/scores/ensemble.js';
import { labelDifference, notAveraged } from '../zoo/ensembles.js';
import { type Repository, unknownModel } from '../zoo/repository.js';
import type { Asked, EnsembleRequest } from './asking/asked.js';
import { chooseModel } from './asking/choose-model.js';
import { type Member, type Missing, memberError, type Target } from './asking/target.js';
import type { LayerNetworks } from './layer-networks.js';
import type { ModelRegistry } from './loading/model-registry.js';
import { notOneModel } from './models/ensemble-status.js';

/** Id of an ensemble that a request describes, for metrics. */
const UNNAMED = 'ensemble';

export interface TargetsOptions {
  registry: ModelRegistry;
  repository: Repository;
  layers: LayerNetworks;
  defaultModel: string | undefined;
}

/** A target whose models stay loaded until it is released. */
export interface HeldTarget {
  target: Target;
  release(): void;
}

interface HeldMember extends Pick<Member, 'model' | 'weight'> {
  release(): void;
}

/** Finds the models that answer a request. */
export class Targets {
  readonly #options: TargetsOptions;

  constructor(options: TargetsOptions) {
    this.#options = options;
  }

  /**
   * Finds the models that a request names, and keeps them loaded.
   * @throws MenagerieError from ModelRegistry.hold; `unknown_model`; `invalid_request` unless an ensemble has 2 to 15 different models
   *   with equal labels, and for features of an ensemble or of a network without any; from LayerNetworks.hold
   */
  async hold(asked: Asked): Promise<HeldTarget> {
    const { id, because, ensemble, crops } = this.#find(asked);
    if ('model' in asked && asked.features) return await this.#holdFeatures(id, because, asked.features.layer);
    const wanted = ensemble?.members ?? [{ model: id, weight: 1 }];
    const held = await Promise.all(wanted.map((member) => this.#tryHold(member)));
    const release = () => {
      for (const outcome of held) if ('model' in outcome) outcome.release();
    };
    try {
      const members: Member[] = [];
      const missing: Missing[] = [];
      for (const outcome of held) {
        if ('error' in outcome) missing.push(outcome);
        else {
          const { model, weight } = outcome;
          members.push({ model, weight, crops: crops ?? model.folder.manifest.crops ?? 1 });
        }
      }
      const [lost] = missing;
      if (lost && members.length < (ensemble?.minMembers ?? 1)) throw ensemble ? memberError(lost) : lost.error;
      const { labels = [] } = members[0]?.model.folder ?? {};
      const named = !('ensemble' in asked);
      return { target: { id, named, because, ensemble, members, missing, labels }, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** The network that gives features: the model's own, or for those of a layer another one. */
  async #holdFeatures(id: string, because: string | undefined, layer: string | undefined): Promise<HeldTarget> {
    const { registry, repository, layers } = this.#options;
    if (repository.ensembles.has(id)) throw notOneModel(repository.ensembles, id);
    const own = await registry.hold(id);
    try {
      if (layer === undefined && own.model.info.features === undefined) throw noFeatures(id);
      const of = layer === undefined ? undefined : await layers.hold(own.model, layer);
      const release = () => {
        of?.release();
        own.release();
      };
      const { model } = of ?? own;
      const { labels, manifest } = model.folder;
      const members = [{ model, weight: 1, crops: manifest.crops ?? 1 }];
      const target = { id, named: true, because, ensemble: undefined, members, missing: [], labels };
      return { target: { ...target, featureShape: of?.shape ?? [model.info.features ?? 0] }, release };
    } catch (error) {
      own.release();
      throw error;
    }
  }

  async #tryHold({ model: id, weight }: { model: string; weight: number }): Promise<HeldMember | Missing> {
    try {
      return { ...(await this.#options.registry.hold(id)), weight };
    } catch (error) {
      return { id, error: toMenagerieError(error) };
    }
  }

  #find(asked: Asked): Pick<Target, 'id' | 'because' | 'ensemble'> & { crops: Crops | undefined } {
    const { repository, registry, defaultModel } = this.#options;
    if ('ensemble' in asked) {
      assertEnsemble(asked.ensemble, repository);
      return { id: UNNAMED, because: undefined, ensemble: asked.ensemble, crops: undefined };
    }
    const { id, because } =
      asked.model === undefined ? chooseModel(registry.serving, defaultModel) : { id: asked.model, because: undefined };
    const named = repository.ensembles.get(id)?.ensemble;
    if (!named) return { id, because, ensemble: undefined, crops: undefined };
    const { members, combine, min_members: minMembers, crops } = named;
    return { id, because, ensemble: { members, combine, minMembers }, crops };
  }
}

function noFeatures(id: string): MenagerieError {
  return new MenagerieError(
    'invalid_request',
    `Model "${id}" has no layer whose input is a picture's features. Name one with layer; GET /models/${id}/summary lists them.`,
  );
}

/** The checks that are made for an ensemble file when it is read. */
function assertEnsemble({ members, minMembers }: EnsembleRequest, { models, ensembles, refused }: Repository): void {
  const ids = members.map(({ model }) => model);
  const fault = (what: string) => new MenagerieError('invalid_request', what);
  const named = ids.find((id) => ensembles.has(id));
  if (named !== undefined)
    throw fault(`"${named}" is an ensemble; it cannot be a member. Name it alone, as the model.`);
  const { fewest, most } = ENSEMBLE_SIZE;
  if (ids.length < fewest || ids.length > most) {
    throw fault(`An ensemble has ${fewest} to ${most} models; these are ${ids.length}.`);
  }
  const twice = ids.find((id, i) => ids.indexOf(id) !== i);
  if (twice !== undefined) throw fault(`"${twice}" is named twice.`);
  if (minMembers > ids.length) throw fault(`min_members is ${minMembers}, but there are ${ids.length} models.`);
  const unknown = ids.find((id) => !models.has(id) && !refused.some((folder) => folder.id === id));
  if (unknown !== undefined) throw unknownModel(unknown);
  const known = ids.flatMap((id) => models.get(id) ?? []);
  const [unfit] = known.flatMap((model) => notAveraged(model) ?? []);
  if (unfit !== undefined) throw fault(`An ensemble cannot be made: ${unfit}.`);
  const [first, ...others] = known;
  for (const other of others) {
    const difference = first && labelDifference(other.labels, first.labels);
    if (difference) throw fault(`"${other.id}" and "${first.id}" have different classes (${difference}).`);
  }
}
