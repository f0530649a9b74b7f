import type { Pieces } from '../core/byte-source.js';
import type { VariantName } from '../core/manifest/variant.js';
import { createFlow, type Flow } from '../core/queues/fair-queue.js';
import { NOMINAL_MS_PER_GMAC } from '../core/units.js';
import { PLAIN_VIEW_OPTIONS, type ViewOptions } from '../core/views/test-time.js';
import type { LayerTensor } from '../runtime/networks/network-spec.js';
import type { WorkerPool } from '../runtime/workers/pool.js';
import { type Repository, unknownModel } from '../zoo/repository.js';
import { assertPulled, findVariant } from '../zoo/weights.js';
import type { Answerer, PictureFeatures } from './answering/answerer.js';
import { planFor } from './asking/plan.js';
import { PLAIN_QUESTION } from './asking/question.js';
import type { Admission } from './cost/admission.js';
import { assertDecodable, type ReadingTools, readingOf } from './cost/reading.js';
import { loadLayer } from './layer-networks.js';
import { networkSpecOf } from './loading/bring-up.js';
import type { ServedModel } from './models/model.js';
import type { HeldTarget, Targets } from './targets.js';

export interface FeaturesOptions extends ReadingTools {
  pool: Pick<WorkerPool, 'load' | 'unload'>;
  repository: Repository;
  /** Number of workers that load a network of its own. */
  instances: number;
  targets: Targets;
  answerer: Answerer;
  admission: Admission;
}

/** Opens models as sources of features, for work in the background such as training. */
export class Features {
  readonly #options: FeaturesOptions;
  #opened = 0;

  constructor(options: FeaturesOptions) {
    this.#options = options;
  }

  /**
   * Keeps a model loaded, for the features of many pictures. The source must be closed.
   * @param background whether its work waits for all other work
   * @throws MenagerieError as Targets.hold for features
   */
  async open(id: string, background: boolean): Promise<FeatureSource> {
    const held = await this.#options.targets.hold({ model: id, features: { layer: undefined } });
    const [member] = held.target.members;
    if (!member) throw new Error('a target without a member');
    return new FeatureSource(this.#options, held, member.model, background);
  }

  /**
   * Loads a network for itself, which serves nobody else: another variant than the one that serves, or one whose features are the values
   * of a tensor inside the graph. The source must be closed.
   * @throws MenagerieError `unknown_model`, `unknown_variant`, `model_not_pulled`, and what loading throws
   */
  async openOwn(
    id: string,
    name: VariantName,
    layer: LayerTensor | undefined,
    background: boolean,
  ): Promise<FeatureSource> {
    const { pool, repository, instances } = this.#options;
    const folder = repository.models.get(id);
    if (!folder) throw unknownModel(id);
    const variant = findVariant(folder, name);
    await assertPulled(folder, variant);
    const key = `${id}@${name}#features-${++this.#opened}`;
    const spec = networkSpecOf(folder, variant, { key, rows: undefined, base: undefined });
    const info = layer ? await loadLayer(pool, spec, layer, instances) : await pool.load(spec, instances);
    const gmacs = info.viewMs / NOMINAL_MS_PER_GMAC;
    const version = info.sha256.slice(0, 12);
    const model = { id, variant: name, version, key, folder, info, gmacs, viewMs: info.viewMs };
    const members = [{ model, weight: 1, crops: 1 as const }];
    const target = {
      id,
      named: true,
      because: undefined,
      ensemble: undefined,
      members,
      missing: [],
      labels: folder.labels,
    };
    const release = () => void pool.unload(key).catch(() => undefined);
    const held = { target: { ...target, featureShape: [info.features ?? 0] }, release };
    return new FeatureSource(this.#options, held, model, background);
  }
}

/**
 * Computes features of pictures. They take no room in the queue, so that they never have a request refused: whoever asks keeps only a
 * few in progress.
 */
export class FeatureSource {
  /** The model that gives them. */
  readonly model: ServedModel;
  readonly #options: FeaturesOptions;
  readonly #held: HeldTarget;
  readonly #flow: Flow;

  constructor(options: FeaturesOptions, held: HeldTarget, model: ServedModel, background: boolean) {
    this.model = model;
    this.#flow = createFlow({ background });
    this.#options = options;
    this.#held = held;
  }

  /**
   * The features of one picture, turned as its metadata say.
   * @param file the picture's file
   * @param viewOptions default: the centre crop alone
   * @throws MenagerieError from the picture, the workers or the network; the signal's reason
   */
  async of(file: Pieces, signal: AbortSignal, viewOptions: ViewOptions = PLAIN_VIEW_OPTIONS): Promise<PictureFeatures> {
    const { admission, answerer } = this.#options;
    const plan = planFor({ ...PLAIN_QUESTION, ...viewOptions }, this.#held.target);
    const reading = readingOf(file, this.#options, admission.limit);
    assertDecodable(reading, this.#options, admission.limit);
    const { features } = await answerer.features({ bytes: file, ...reading }, plan, { flow: this.#flow, signal });
    return features;
  }

  /** Lets the model be unloaded. */
  close(): void {
    this.#held.release();
  }
}
