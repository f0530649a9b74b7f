import Type from 'typebox';
import { VariantNameSchema } from '../../core/manifest/manifest.js';
import { CombineSchema } from '../../core/scores/ensemble.js';
import { ProblemSchema } from '../errors/problem.js';

// Replies to pictures.

const PredictionSchema = Type.Object({
  index: Type.Integer({ description: 'Index of the class.' }),
  label: Type.String({ description: 'Its name; names need not be unique, indices are.' }),
  score: Type.Number({ description: 'Probability, 0 to 1; after a vote, the share of the votes.' }),
});

const AgreementSchema = Type.Object(
  {
    votes: Type.Integer({ description: 'How many members put the first class first.' }),
    members: Type.Integer({ description: 'Of how many.' }),
    jensen_shannon: Type.Number({
      description:
        'Jensen-Shannon divergence of what the members say, in bits: 0 where all say the same, at most log2(members).',
    }),
  },
  { description: 'How far the members agree.' },
);

const ImageResultSchema = Type.Object(
  {
    name: Type.Optional(Type.String({ description: 'File name from the form.' })),
    width: Type.Optional(Type.Integer({ description: 'Pixels, after turning.' })),
    height: Type.Optional(Type.Integer({ description: 'Pixels, after turning.' })),
    format: Type.Optional(Type.String({ description: 'jpeg, png, webp, avif, gif or tiff.' })),
    views: Type.Optional(
      Type.Integer({ description: 'Different views of the picture that were averaged, if more than one.' }),
    ),
    predictions: Type.Optional(Type.Array(PredictionSchema)),
    members: Type.Optional(
      Type.Array(Type.Object({ model: Type.String(), predictions: Type.Array(PredictionSchema) }), {
        description: 'What each member of an ensemble says.',
      }),
    ),
    missing: Type.Optional(
      Type.Array(Type.Object({ model: Type.String(), code: Type.String(), detail: Type.String() }), {
        description: 'Members that could not answer, where the ensemble may do without them.',
      }),
    ),
    agreement: Type.Optional(AgreementSchema),
    error: Type.Optional(ProblemSchema),
  },
  { description: 'Either `predictions`, or, for one of several pictures, the `error` that it met.' },
);

const NetworkSchema = {
  id: Type.String(),
  variant: VariantNameSchema,
  provider: Type.String({ description: 'What computed: cpu or cuda.' }),
  provider_fallback: Type.Optional(
    Type.String({ description: 'Why it was not CUDA, where that was asked for and could not be had.' }),
  ),
  layers_on_cpu: Type.Optional(
    Type.Integer({ description: 'How many layers the CPU ran although the provider is another, if any.' }),
  ),
  version: Type.String({ description: "First twelve hex digits of the weights' SHA-256." }),
};

const reason = {
  chosen_because: Type.Optional(Type.String({ description: 'Why it is this one, where the request named none.' })),
};

const AnsweringEnsembleSchema = Type.Object({
  id: Type.Optional(Type.String({ description: 'Of a named ensemble.' })),
  ...reason,
  combine: CombineSchema,
  min_members: Type.Integer(),
  members: Type.Array(Type.Object({ ...NetworkSchema, weight: Type.Number() })),
});

const answeredBySchema = {
  model: Type.Optional(Type.Object({ ...NetworkSchema, ...reason }, { description: 'The network that answered.' })),
  ensemble: Type.Optional(AnsweringEnsembleSchema),
};

export const ClassificationSchema = Type.Object(
  {
    ...answeredBySchema,
    results: Type.Array(ImageResultSchema, { description: 'One for each picture, in the order they came.' }),
  },
  { $id: 'Classification', title: 'Classification', description: 'Answered by a `model` or by an `ensemble`.' },
);

export const EstimateSchema = Type.Object(
  {
    ...answeredBySchema,
    images: Type.Integer(),
    cost_gmacs: Type.Number({
      description: 'Billion multiply-accumulates: pictures x views x networks, and 0.5 for reading a picture.',
    }),
    limit_gmacs: Type.Number({ description: 'A more expensive request is refused.' }),
    wait_ms: Type.Number({ description: 'What it would wait for others now.' }),
    expected_ms: Type.Number({ description: 'Time to its answer now, waiting and computing.' }),
  },
  { $id: 'Estimate', title: 'Estimate' },
);
