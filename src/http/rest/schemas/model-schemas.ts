import { MODEL_ID_PATTERN } from '../../../core/manifest/schema-words.js';
import { VariantNameSchema } from '../../../core/manifest/variant.js';
import { nullable } from '../../../core/schema/schema-parts.js';
import Type from '../../../core/schema/typebox.js';
import { CombineSchema } from '../../../core/scores/ensemble.js';
import { MODEL_STATES } from '../../../serving/models/model.js';

export const ModelIdSchema = Type.String({ pattern: MODEL_ID_PATTERN, description: 'Id of a model; see GET /models.' });

const VariantViewSchema = Type.Object({
  bytes: nullable(Type.Integer({ description: 'Size of the file in bytes.' })),
  top1: nullable(Type.Number({ description: 'Top-1 accuracy in percent.' })),
  top5: nullable(Type.Number({ description: 'Top-5 accuracy in percent.' })),
  pulled: Type.Boolean({ description: 'Whether the weights are on this machine.' }),
});

export const ModelSchema = Type.Object(
  {
    id: Type.String(),
    kind: Type.Enum(['network', 'ensemble']),
    title: nullable(Type.String()),
    state: Type.Enum([...MODEL_STATES]),
    reason: nullable(Type.String({ description: 'Why it failed or was refused.' })),
    dataset: nullable(Type.String()),
    variants: Type.Record(Type.String(), VariantViewSchema),
    members: Type.Optional(
      Type.Array(Type.Object({ model: Type.String(), weight: Type.Number() }), {
        description: 'Members of an ensemble.',
      }),
    ),
    combine: Type.Optional(CombineSchema),
    serving: nullable(
      Type.Object({
        variant: VariantNameSchema,
        provider: Type.String(),
        provider_fallback: nullable(Type.String({ description: 'Why CUDA is not used although it was requested.' })),
        layers_on_cpu: Type.Array(Type.String(), {
          description: 'Layers that the CPU runs although the provider is another: name (operator).',
        }),
        version: Type.String(),
        classes: Type.Integer(),
        gmacs: Type.Number({ description: 'Cost of one view: billion multiply-accumulates.' }),
        ms: Type.Number({ description: 'Time of one view in a worker, learned from its runs.' }),
        batch: Type.Integer({ description: 'Most views in one run.' }),
        lone_instance: nullable(
          Type.Object(
            {
              threads: Type.Integer(),
              bytes: nullable(Type.Integer({ description: 'Memory by which its worker grew when it was loaded.' })),
            },
            { description: 'The second instance, for requests that come while nothing else runs.' },
          ),
        ),
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
    manifest: nullable(Type.Unknown({ description: 'The manifest as on disk.' })),
    labels: Type.Array(Type.String(), { description: 'Names of the classes, in index order.' }),
  },
  { $id: 'ModelDetail', title: 'ModelDetail' },
);

const LabelSchema = Type.Object({
  index: Type.Integer(),
  name: Type.String({ description: 'All names of the class, separated by commas: `label` in answers.' }),
  short_name: Type.String({ description: 'One name, which no other class of the model has.' }),
  synonyms: Type.Array(Type.String(), { description: 'The names after the first.' }),
  wnid: Type.Optional(Type.String({ description: 'WordNet id: n and the offset of a noun in WordNet 3.0.' })),
  parents: Type.Optional(
    Type.Array(Type.Object({ wnid: Type.String(), name: Type.String() }), {
      description: "All that WordNet says it is a kind of, nearest first; absent if it is not in the server's tree.",
    }),
  ),
  groups: Type.Optional(
    Type.Object(
      { basic: Type.String(), broad: Type.String() },
      { description: 'Short names of the groups that `group` sums its score into.' },
    ),
  ),
});

export const LabelListSchema = Type.Object(
  { model: Type.String(), labels: Type.Array(LabelSchema, { description: 'In index order.' }) },
  { $id: 'LabelList', title: 'LabelList' },
);

/** Response schemas for the statuses of a route's errors. */
export function problems(...statuses: number[]): Record<number, unknown> {
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      { description: 'Problem (RFC 9457)', content: { 'application/problem+json': { schema: Type.Ref('Problem') } } },
    ]),
  );
}
