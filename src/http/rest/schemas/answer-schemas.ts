import { VariantNameSchema } from '../../../core/manifest/variant.js';
import Type from '../../../core/schema/typebox.js';
import { CombineSchema } from '../../../core/scores/ensemble.js';
import { ProblemSchema } from '../../errors/problem.js';

// Schemas of the replies to POST /classify, /ensemble and /estimate.

const PredictionSchema = Type.Object({
  index: Type.Optional(Type.Integer({ description: 'Index of the class; a group has none.' })),
  label: Type.String({ description: 'All names of the class. They may repeat, indices do not. Of a group its name.' }),
  short_name: Type.String({ description: 'One name, which no other class has (nor another group, of groups).' }),
  score: Type.Number({
    description: 'Probability, 0 to 1; with combine=vote the share of the votes. Of a group the sum over its classes.',
  }),
});

const AgreementSchema = Type.Object(
  {
    votes: Type.Integer({ description: 'Number of members whose best class (or group) is the best of all together.' }),
    members: Type.Integer({ description: 'Number of members that answered.' }),
    jensen_shannon: Type.Number({
      description:
        "Jensen-Shannon divergence of the members' probabilities, in bits: 0 if all agree, at most log2(members).",
    }),
  },
  { description: 'How far the members agree on a picture.' },
);

const unknownSchema = {
  unknown: Type.Optional(
    Type.Boolean({
      description:
        'Whether the picture is like none that the model was trained on, so that its predictions mean nothing. Only of models whose ' +
        'manifest states how to tell; of an ensemble, whether those members say so that have most of the weight.',
    }),
  ),
};

/** What a result says of its picture; absent where it could not be read. */
export const pictureSchema = {
  name: Type.Optional(Type.String({ description: 'File name from the form.' })),
  width: Type.Optional(Type.Integer({ description: 'Pixels, after orientation.' })),
  height: Type.Optional(Type.Integer({ description: 'Pixels, after orientation.' })),
  format: Type.Optional(Type.String({ description: 'jpeg, png, webp, avif, gif or tiff.' })),
  views: Type.Optional(
    Type.Integer({ description: 'Number of different views of the picture that were averaged, if more than one.' }),
  ),
};

const ImageResultSchema = Type.Object(
  {
    ...pictureSchema,
    predictions: Type.Optional(Type.Array(PredictionSchema)),
    ...unknownSchema,
    members: Type.Optional(
      Type.Array(Type.Object({ model: Type.String(), predictions: Type.Array(PredictionSchema), ...unknownSchema }), {
        description: 'Predictions of each member of an ensemble.',
      }),
    ),
    missing: Type.Optional(
      Type.Array(Type.Object({ model: Type.String(), code: Type.String(), detail: Type.String() }), {
        description: 'Members that could not answer, if the ensemble allows that.',
      }),
    ),
    agreement: Type.Optional(AgreementSchema),
    error: Type.Optional(ProblemSchema),
  },
  { description: 'Either `predictions` or, for one of several pictures, the `error` that it caused.' },
);

const NetworkSchema = {
  id: Type.String(),
  variant: VariantNameSchema,
  provider: Type.String({ description: 'Execution provider: cpu or cuda.' }),
  provider_fallback: Type.Optional(Type.String({ description: 'Why CUDA was not used although it was requested.' })),
  layers_on_cpu: Type.Optional(
    Type.Integer({ description: 'Number of layers that the CPU ran although the provider is another, if any.' }),
  ),
  version: Type.String({ description: "First twelve hex digits of the weights' SHA-256." }),
};

const reason = {
  chosen_because: Type.Optional(Type.String({ description: 'Why the server chose it, if the request named none.' })),
};

const AnsweringEnsembleSchema = Type.Object({
  id: Type.Optional(Type.String({ description: 'Id of a named ensemble.' })),
  ...reason,
  combine: CombineSchema,
  min_members: Type.Integer(),
  members: Type.Array(Type.Object({ ...NetworkSchema, weight: Type.Number() })),
});

export const AnsweringModelSchema = Type.Object(
  { ...NetworkSchema, ...reason },
  { description: 'The network that answered.' },
);

const answeredBySchema = {
  model: Type.Optional(AnsweringModelSchema),
  ensemble: Type.Optional(AnsweringEnsembleSchema),
};

export const ClassificationSchema = Type.Object(
  {
    ...answeredBySchema,
    results: Type.Array(ImageResultSchema, { description: 'One per picture, in the order of the request.' }),
  },
  { $id: 'Classification', title: 'Classification', description: 'Answer of a `model` or of an `ensemble`.' },
);

export const EstimateSchema = Type.Object(
  {
    ...answeredBySchema,
    images: Type.Integer(),
    cost_gmacs: Type.Number({
      description: 'Billion multiply-accumulates: pictures x views x networks, plus 0.5 to decode each picture.',
    }),
    limit_gmacs: Type.Number({ description: 'A more expensive request is refused.' }),
    wait_ms: Type.Number({ description: 'Time that it would wait for other requests now.' }),
    expected_ms: Type.Number({ description: 'Time to its answer now, including the wait.' }),
  },
  { $id: 'Estimate', title: 'Estimate' },
);
