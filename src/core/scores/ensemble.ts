import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { CROPS } from '../manifest/crops.js';
import { MODEL_ID_PATTERN, PATTERN_WORDS } from '../manifest/manifest.js';
import { parseDescription } from '../manifest/parse-description.js';
import { strict } from '../schema-parts.js';

// <model directory>/ensembles/<id>.json: models that answer together. docs/manifest.md and models/ensemble.schema.json are
// generated from the descriptions below.

export const COMBINES = ['probabilities', 'logits', 'geometric', 'vote'] as const;

export const CombineSchema = Type.Enum([...COMBINES], {
  description:
    'How the answers of the members become one. probabilities: the weighted mean of their probabilities. logits: softmax of ' +
    'the weighted mean of their logits. geometric: the weighted geometric mean of their probabilities, made to sum to 1; ' +
    'it differs from logits only where the probabilities of several crops were averaged. vote: each votes for its best ' +
    'class, ties are ranked by probabilities.',
});
/** How the answers of several networks become one. */
export type Combine = Static<typeof CombineSchema>;

/** Fewest and most members of an ensemble. */
export const ENSEMBLE_SIZE = { fewest: 2, most: 15 } as const;

const MemberSchema = Type.Object(
  {
    model: Type.String({ pattern: MODEL_ID_PATTERN, description: 'Id of a model, in any of the model directories.' }),
    weight: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: 1e6,
        description: 'How much its answer counts; 1 without it. Only the ratios of weights matter.',
      }),
    ),
  },
  strict,
);

export const EnsembleSchema = Type.Object(
  {
    $schema: Type.Optional(Type.String({ description: 'For editors; not read.' })),
    id: Type.String({
      pattern: MODEL_ID_PATTERN,
      description: 'The name used in requests; equal to the name of the file without `.json`, and that of no model.',
    }),
    title: Type.String({ minLength: 1, maxLength: 200, description: 'The name for people.' }),
    members: Type.Array(MemberSchema, {
      minItems: ENSEMBLE_SIZE.fewest,
      maxItems: ENSEMBLE_SIZE.most,
      description: 'Trained models, none of them twice, that have the same labels in the same order.',
    }),
    combine: Type.Optional(CombineSchema),
    min_members: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: 'So many members must have answered for an answer to be given; all of them without it.',
      }),
    ),
    crops: Type.Optional(
      Type.Enum([...CROPS], {
        description: 'Crops of the picture that every member looks at, unless asked otherwise.',
      }),
    ),
    top1: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 100,
        description: 'Top-1 accuracy in percent, as published or measured (see `notes`).',
      }),
    ),
    notes: Type.Optional(Type.String({ maxLength: 1000, description: 'What else is worth knowing.' })),
  },
  { ...strict, $id: 'ensemble', title: 'Menagerie ensemble' },
);
type SchemaEnsemble = Static<typeof EnsembleSchema>;

/** What an ensemble file says, its defaults filled in. */
export interface Ensemble extends Omit<SchemaEnsemble, '$schema' | 'members' | 'combine' | 'min_members'> {
  members: { model: string; weight: number }[];
  combine: Combine;
  min_members: number;
}

const ensembleValidator = Compile(EnsembleSchema);

/**
 * Checks an ensemble as far as its file alone tells.
 * @param text the JSON text
 * @param file what to call it in messages
 * @throws MenagerieError `invalid_manifest` naming the file, the field and the rule, for every fault at once
 */
export function parseEnsemble(text: string, file: string): Ensemble {
  const value = parseDescription(text, file, ensembleValidator, PATTERN_WORDS, ensembleFaults);
  const { $schema, combine = 'probabilities', min_members = value.members.length, ...rest } = value;
  const members = value.members.map(({ model, weight = 1 }) => ({ model, weight }));
  return { ...rest, members, combine, min_members };
}

function ensembleFaults({ members, min_members: least }: SchemaEnsemble): string[] {
  const models = members.map(({ model }) => model);
  const faults = models.flatMap((model, i) => {
    const first = models.indexOf(model);
    return first < i ? [`members.${i}.model: "${model}" is members.${first} already`] : [];
  });
  if (least !== undefined && least > members.length) {
    faults.push(`min_members: is ${least}, but there are ${members.length} members`);
  }
  return faults;
}
