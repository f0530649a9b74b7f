import { CROPS } from '../manifest/crops.js';
import { parseDescription } from '../manifest/parse-description.js';
import { MODEL_ID_PATTERN, PATTERN_WORDS } from '../manifest/schema-words.js';
import { strict } from '../schema/schema-parts.js';
import Type, { Compile, type Static } from '../schema/typebox.js';
import { COMBINES, type Combine } from './combine.js';

// The schema of <model directory>/ensembles/<id>.json. docs/manifest.md and models/ensemble.schema.json are generated from the
// descriptions below.

export const CombineSchema = Type.Enum([...COMBINES], {
  description:
    'How the answers of the members are combined. probabilities: the weighted mean of their probabilities. logits: softmax ' +
    'of the weighted mean of their logits. geometric: the weighted geometric mean of their probabilities, normalised to sum ' +
    'to 1; it differs from logits only if the probabilities of several crops were averaged. vote: each votes for its best ' +
    'class; ties are ranked by probabilities.',
});

/** Fewest and most members of an ensemble. */
export const ENSEMBLE_SIZE = { fewest: 2, most: 15 } as const;

const MemberSchema = Type.Object(
  {
    model: Type.String({ pattern: MODEL_ID_PATTERN, description: 'Id of a model in any of the model directories.' }),
    weight: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: 1e6,
        description: 'Weight of its answer; 1 by default. Only the ratios of weights matter.',
      }),
    ),
  },
  strict,
);

export const EnsembleSchema = Type.Object(
  {
    $schema: Type.Optional(Type.String({ description: 'For editors; ignored.' })),
    id: Type.String({
      pattern: MODEL_ID_PATTERN,
      description: 'The name in requests; must equal the name of the file without `.json`, and no model may have it.',
    }),
    title: Type.String({ minLength: 1, maxLength: 200, description: 'The name to display.' }),
    members: Type.Array(MemberSchema, {
      minItems: ENSEMBLE_SIZE.fewest,
      maxItems: ENSEMBLE_SIZE.most,
      description: 'Trained models, each given once, with the same labels in the same order.',
    }),
    combine: Type.Optional(CombineSchema),
    min_members: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: 'The least number of members that must answer; by default all of them.',
      }),
    ),
    crops: Type.Optional(
      Type.Enum([...CROPS], {
        description: 'Number of crops of the picture for every member, unless a request says otherwise.',
      }),
    ),
    top1: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 100,
        description: 'Top-1 accuracy in percent, published or measured (see `notes`).',
      }),
    ),
    notes: Type.Optional(Type.String({ maxLength: 1000, description: 'Further remarks.' })),
  },
  { ...strict, $id: 'ensemble', title: 'Menagerie ensemble' },
);
type SchemaEnsemble = Static<typeof EnsembleSchema>;

/** The content of an ensemble file, with defaults. */
export interface Ensemble extends Omit<SchemaEnsemble, '$schema' | 'members' | 'combine' | 'min_members'> {
  members: { model: string; weight: number }[];
  combine: Combine;
  min_members: number;
}

const ensembleValidator = Compile(EnsembleSchema);

/**
 * Parses an ensemble file, and checks it as far as possible without the models.
 * @param text the JSON text
 * @param file the name of the file in error messages
 * @throws MenagerieError `invalid_manifest` naming the file, and the field and the rule of every fault
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
