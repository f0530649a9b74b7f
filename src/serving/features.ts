import type { Pieces } from '../core/byte-source.js';
import { createFlow, type Flow } from '../core/queues/fair-queue.js';
import { PLAIN_VIEW_OPTIONS, type ViewOptions } from '../core/views/test-time.js';
import type { Answerer, PictureFeatures } from './answering/answerer.js';
import { planFor } from './asking/plan.js';
import { PLAIN_QUESTION } from './asking/question.js';
import type { Admission } from './cost/admission.js';
import { assertDecodable, type ReadingTools, readingOf } from './cost/reading.js';
import type { ServedModel } from './models/model.js';
import type { HeldTarget, Targets } from './targets.js';

export interface FeaturesOptions extends ReadingTools {
  targets: Targets;
  answerer: Answerer;
  admission: Admission;
}

/** Opens models as sources of features, for work in the background such as training. */
export class Features {
  readonly #options: FeaturesOptions;

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
