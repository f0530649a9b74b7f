import Type from 'typebox';
import { MODEL_ID_PATTERN, VariantNameSchema } from '../core/manifest.js';
import type { ModelState } from '../serving/model.js';
import { ProblemSchema } from './problem.js';

const nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

export const ModelIdSchema = Type.String({ pattern: MODEL_ID_PATTERN, description: 'Id of a model, see GET /models.' });

export const ClassifyQuerySchema = Type.Object(
  {
    model: Type.Optional(ModelIdSchema),
    top_k: Type.Integer({
      minimum: 1,
      maximum: 1000,
      default: 5,
      description: 'How many classes to name, best first.',
    }),
    auto_orient: Type.Boolean({ default: true, description: 'Whether to turn the picture as its EXIF data says.' }),
    timeout_ms: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 3_600_000,
        description: 'Deadline for the answer; the configured one if that is sooner.',
      }),
    ),
  },
  { additionalProperties: false },
);

const PredictionSchema = Type.Object({
  index: Type.Integer({ description: 'Index of the class.' }),
  label: Type.String({ description: 'Its name; names need not be unique, indices are.' }),
  score: Type.Number({ description: 'Probability, 0 to 1.' }),
});

const ImageResultSchema = Type.Object(
  {
    name: Type.Optional(Type.String({ description: 'File name from the form.' })),
    width: Type.Optional(Type.Integer({ description: 'Pixels, after turning.' })),
    height: Type.Optional(Type.Integer({ description: 'Pixels, after turning.' })),
    format: Type.Optional(Type.String({ description: 'jpeg, png, webp, avif, gif or tiff.' })),
    predictions: Type.Optional(Type.Array(PredictionSchema)),
    error: Type.Optional(ProblemSchema),
  },
  { description: 'Either `predictions`, or, for one of several pictures, the `error` that it met.' },
);

export const ClassificationSchema = Type.Object(
  {
    model: Type.Object({
      id: Type.String(),
      variant: VariantNameSchema,
      provider: Type.String({ description: 'What computed: cpu or cuda.' }),
      version: Type.String({ description: "First twelve hex digits of the weights' SHA-256." }),
    }),
    results: Type.Array(ImageResultSchema, { description: 'One for each picture, in the order they came.' }),
  },
  { $id: 'Classification', title: 'Classification' },
);

const STATES: ModelState[] = ['not_pulled', 'unloaded', 'loading', 'warming', 'ready', 'draining', 'failed', 'refused'];

const VariantViewSchema = Type.Object({
  bytes: nullable(Type.Integer({ description: 'Size of the file.' })),
  top1: nullable(Type.Number({ description: 'Top-1 accuracy in percent.' })),
  top5: nullable(Type.Number({ description: 'Top-5 accuracy in percent.' })),
  pulled: Type.Boolean({ description: 'Whether the weights are on this machine.' }),
});

export const ModelSchema = Type.Object(
  {
    id: Type.String(),
    title: nullable(Type.String()),
    state: Type.Enum(STATES),
    reason: nullable(Type.String({ description: 'Why it failed or was refused.' })),
    dataset: nullable(Type.String()),
    variants: Type.Record(Type.String(), VariantViewSchema),
    serving: nullable(
      Type.Object({
        variant: VariantNameSchema,
        provider: Type.String(),
        provider_fallback: nullable(Type.String({ description: 'Why CUDA is not used although it was tried.' })),
        version: Type.String(),
        classes: Type.Integer(),
        load_ms: Type.Number(),
        warmup_ms: Type.Number(),
      }),
    ),
  },
  { $id: 'Model', title: 'Model' },
);

export const ModelDetailSchema = Type.Object(
  {
    ...ModelSchema.properties,
    manifest: nullable(Type.Unknown({ description: 'The manifest as it lies on disk.' })),
    labels: Type.Array(Type.String(), { description: 'Names of the classes by index.' }),
  },
  { $id: 'ModelDetail', title: 'ModelDetail' },
);

/** Response schemas of the errors a route can answer with. */
export function problems(...statuses: number[]): Record<number, unknown> {
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      { description: 'Problem (RFC 9457)', content: { 'application/problem+json': { schema: Type.Ref('Problem') } } },
    ]),
  );
}
