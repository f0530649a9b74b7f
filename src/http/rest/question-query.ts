import { MenagerieError } from '../../core/errors.js';
import { CROPS } from '../../core/manifest/crops.js';
import { strict } from '../../core/schema/schema-parts.js';
import Type, { type Static } from '../../core/schema/typebox.js';
import type { Combine } from '../../core/scores/combine.js';
import { CombineSchema } from '../../core/scores/ensemble.js';
import { GROUP_LEVELS } from '../../core/scores/grouping.js';
import { parseAugmentation } from '../../core/views/test-time.js';
import type { Asked } from '../../serving/asking/asked.js';
import { parseEnsembleRequest } from '../../serving/asking/ensemble-request.js';
import { PLAIN_QUESTION, type Question } from '../../serving/asking/question.js';
import { ModelIdSchema } from './schemas/model-schemas.js';

// Query parameters of POST /classify, /ensemble and /estimate, and the question that they ask.

/** Characters of fifteen ids of 64 characters, with commas. */
const MAX_IDS_LENGTH = 1000;

/** Which views of a picture networks see. */
const seeing = {
  crops: Type.Optional(
    Type.Enum([...CROPS], {
      type: 'integer',
      description: 'Number of crops of a picture to average over; default: as the ensemble or model states, mostly 1.',
    }),
  ),
  tta: Type.Optional(
    Type.String({
      maxLength: 200,
      description:
        'Further views to average over, separated by commas: mirror, crops:<number at random places>, rotate:<most degrees>, ' +
        "shear:<most degrees>, colour:<standard deviation of AlexNet's colour shift, e.g. 0.1>, warp:<percent of the side>.",
    }),
  ),
  seed: Type.Integer({
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    default: 0,
    description: 'Seed of the random views of `tta`: the same seed gives the same views.',
  }),
  auto_orient: Type.Boolean({ default: true, description: 'Whether to turn pictures as their EXIF data or XMP say.' }),
};

const viewing = {
  ...seeing,
  average: Type.Enum(['probabilities', 'logits'], {
    type: 'string',
    default: 'probabilities',
    description: 'What to average over the views of a picture.',
  }),
};

const timing = {
  timeout_ms: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 3_600_000,
      description: 'Deadline for the answer; the configured deadline if that is sooner.',
    }),
  ),
};

const answerParameters = {
  top_k: Type.Integer({
    minimum: 1,
    maximum: 1000,
    default: 5,
    description: 'Number of classes to return, best first.',
  }),
  min_score: Type.Number({
    minimum: 0,
    maximum: 1,
    default: 0,
    description: 'Return only classes with at least this score, 0 to 1.',
  }),
  group: Type.Optional(
    Type.Enum([...GROUP_LEVELS], {
      type: 'string',
      description:
        'Sum the scores over groups of classes, and return these: basic (tabby and Persian cat are cat) or broad (animal). Only ' +
        'for classes with WordNet ids, such as those of ImageNet.',
    }),
  ),
  ...timing,
};

const ensemble = {
  weights: Type.Optional(
    Type.String({
      maxLength: 400,
      description: 'A number above 0 for each model, separated by commas; default: all equal.',
    }),
  ),
  combine: Type.Optional(CombineSchema),
  min_members: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 15,
      description: 'Answer if at least this many members can; the reply names the missing ones. Default: all members.',
    }),
  ),
};
const modelsSchema = Type.String({
  minLength: 1,
  maxLength: MAX_IDS_LENGTH,
  description: '2 to 15 models with the same labels, separated by commas.',
});

export const ClassifyQuerySchema = Type.Object(
  { model: Type.Optional(ModelIdSchema), ...viewing, ...answerParameters },
  strict,
);
export const EnsembleQuerySchema = Type.Object(
  { models: modelsSchema, ...ensemble, ...viewing, ...answerParameters },
  strict,
);
export const EstimateQuerySchema = Type.Object(
  {
    model: Type.Optional(ModelIdSchema),
    models: Type.Optional(modelsSchema),
    ...ensemble,
    ...viewing,
    ...answerParameters,
    images: Type.Integer({ minimum: 1, maximum: 1000, default: 1, description: 'Number of pictures.' }),
  },
  strict,
);

/** The forms of features. */
export const FEATURE_FORMS = ['json', 'npy', 'float32'] as const;

export const FeaturesQuerySchema = Type.Object(
  {
    layer: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 500,
        description:
          'Name of a layer in GET /models/:id/summary, or of the tensor that it gives: its values, in place of what the last ' +
          'layer with weights takes.',
      }),
    ),
    ...seeing,
    ...timing,
    format: Type.Optional(Type.Enum([...FEATURE_FORMS], { description: 'Overrides the Accept header.' })),
  },
  strict,
);

export type ClassifyQuery = Static<typeof ClassifyQuerySchema | typeof EnsembleQuerySchema>;

/** Whether a query says which models it asks. */
export function namesModels(query: AskedQuery): boolean {
  return query.model !== undefined || query.models !== undefined;
}

/**
 * The question that a query asks.
 * @throws MenagerieError `invalid_request`
 */
export function questionOfQuery(query: ClassifyQuery | Static<typeof EstimateQuerySchema>): Question {
  const { crops, tta, seed, average, auto_orient: autoOrient, group } = query;
  return { asked: askedOf(query), autoOrient, crops, augmentation: parseAugmentation(tta), seed, average, group };
}

/** The question for features of a model. @throws MenagerieError `invalid_request` */
export function questionForFeatures(model: string, query: Static<typeof FeaturesQuerySchema>): Question {
  const { layer, crops, tta, seed, auto_orient: autoOrient } = query;
  const asked = { model, features: { layer } };
  return { ...PLAIN_QUESTION, asked, autoOrient, crops, augmentation: parseAugmentation(tta), seed };
}

/** The parameters that say which models a request asks. */
export interface AskedQuery {
  model?: string;
  models?: string;
  weights?: string;
  combine?: Combine;
  min_members?: number;
}

function askedOf({ model, models, weights, combine, min_members: minMembers }: AskedQuery): Asked {
  if (models === undefined) {
    if (weights === undefined && combine === undefined && minMembers === undefined) return { model };
    throw new MenagerieError('invalid_request', 'weights, combine and min_members need `models`.');
  }
  if (model !== undefined) throw new MenagerieError('invalid_request', 'Use either `model` or `models`, not both.');
  return { ensemble: parseEnsembleRequest(models, weights, combine, minMembers) };
}
