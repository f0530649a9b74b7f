import Type, { type Static } from 'typebox';
import { MenagerieError } from '../../core/errors.js';
import { CROPS } from '../../core/manifest/crops.js';
import { strict } from '../../core/schema-parts.js';
import { type Combine, CombineSchema } from '../../core/scores/ensemble.js';
import { parseAugmentation } from '../../core/views/test-time.js';
import type { Asked } from '../../serving/asking/asked.js';
import { parseEnsembleRequest } from '../../serving/asking/ensemble-request.js';
import type { Question } from '../../serving/asking/question.js';
import { ModelIdSchema } from './schemas.js';

// Query parameters of everything that answers about pictures, and what they ask for.

/** Fifteen ids of 64 characters and the commas between them. */
const MAX_IDS_LENGTH = 1000;

const viewing = {
  crops: Type.Optional(
    Type.Enum([...CROPS], {
      type: 'integer',
      description: "Crops of a picture whose answers are averaged; default: the ensemble's or model's own, mostly 1.",
    }),
  ),
  tta: Type.Optional(
    Type.String({
      maxLength: 200,
      description:
        'Further views to average over, by commas: mirror, crops:<number at random places>, rotate:<degrees at most>, ' +
        "shear:<degrees at most>, colour:<deviation of AlexNet's shift, such as 0.1>.",
    }),
  ),
  seed: Type.Integer({
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    default: 0,
    description: 'Of what is random in `tta`: the same seed gives the same views.',
  }),
  average: Type.Enum(['probabilities', 'logits'], {
    type: 'string',
    default: 'probabilities',
    description: 'What is averaged over the views of a picture.',
  }),
  auto_orient: Type.Boolean({ default: true, description: 'Whether to turn the picture as its EXIF data says.' }),
};

const answerParameters = {
  top_k: Type.Integer({ minimum: 1, maximum: 1000, default: 5, description: 'How many classes to name, best first.' }),
  timeout_ms: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 3_600_000,
      description: 'Deadline for the answerParameters; the configured one if that is sooner.',
    }),
  ),
};

const ensemble = {
  weights: Type.Optional(
    Type.String({ maxLength: 400, description: 'A number above 0 for each model, by commas; default: all equal.' }),
  ),
  combine: Type.Optional(CombineSchema),
  min_members: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 15,
      description: 'Answer while so many members can, naming the missing; default: all of them.',
    }),
  ),
};
const modelsSchema = Type.String({
  minLength: 1,
  maxLength: MAX_IDS_LENGTH,
  description: '2 to 15 models of one label set, by commas.',
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

type ViewQuery = Static<typeof ClassifyQuerySchema | typeof EnsembleQuerySchema | typeof EstimateQuerySchema>;

/**
 * What a query asks for.
 * @throws MenagerieError `invalid_request`
 */
export function questionOfQuery(query: ViewQuery): Question {
  const { crops, tta, seed, average, auto_orient: autoOrient } = query;
  return { asked: askedOf(query), autoOrient, crops, augmentation: parseAugmentation(tta), seed, average };
}

interface Who {
  model?: string;
  models?: string;
  weights?: string;
  combine?: Combine;
  min_members?: number;
}

function askedOf({ model, models, weights, combine, min_members: minMembers }: Who): Asked {
  if (models === undefined) {
    if (weights === undefined && combine === undefined && minMembers === undefined) return { model };
    throw new MenagerieError('invalid_request', 'weights, combine and min_members go with `models`.');
  }
  if (model !== undefined) throw new MenagerieError('invalid_request', 'Say either `model` or `models`.');
  return { ensemble: parseEnsembleRequest(models, weights, combine, minMembers) };
}
