import { parseDescription } from '../../core/manifest/parse-description.js';
import { VariantNameSchema } from '../../core/manifest/variant.js';
import { nullable, strict } from '../../core/schema/schema-parts.js';
import Type, { Compile, type Static } from '../../core/schema/typebox.js';
import { DEPTHS } from '../tail/choose-depth.js';
import {
  AnsweredSchema,
  countSchema,
  LearningCurveSchema,
  listSchema,
  MeasuresSchema,
  MOST_LISTED,
  msSchema,
  PictureSchema,
  sha256Schema,
} from './report-parts.js';

const DepthSchema = Type.Enum(['head', 'last-block', 'stage'], { description: 'What was trained.' });

const GroupSchema = listSchema(PictureSchema, MOST_LISTED.groupPictures, 'Pictures that belong together.');

const DataSchema = Type.Object(
  {
    sha256: sha256Schema('Of the names of the classes and the hashes of their pictures.'),
    classes: Type.Array(
      Type.Object(
        {
          label: Type.String({ description: 'Name of the folder.' }),
          train: countSchema('Pictures to train on.'),
          val: nullable(countSchema('Pictures to test on; null without a folder of them.')),
        },
        strict,
      ),
      { minItems: 2, maxItems: 1000, description: 'In the order of the scores.' },
    ),
    train: countSchema('Pictures to train on.'),
    val: nullable(countSchema('Pictures to test on; null without a folder of them.')),
    skipped: listSchema(
      Type.Object({ file: Type.String(), reason: Type.String() }, strict),
      MOST_LISTED.files,
      'Files that were left out, and why.',
    ),
    duplicates: listSchema(
      Type.Object({ file: Type.String(), same_as: Type.String() }, strict),
      MOST_LISTED.files,
      'Files with the same bytes as another of their class. Left out.',
    ),
    conflicts: listSchema(GroupSchema, MOST_LISTED.groups, 'The same picture in several classes. Left out.'),
    near_duplicates: Type.Object(
      {
        similarity: Type.Number({ description: 'Least cosine of the features of near-duplicates.' }),
        images: countSchema('Pictures that have a near-duplicate.'),
        across_splits: countSchema(
          'Pictures of val with a near-duplicate to train on. They make the figures of val too good.',
        ),
        groups: listSchema(
          GroupSchema,
          MOST_LISTED.groups,
          'Groups of near-duplicates. A group is never divided in cross-validation.',
        ),
      },
      strict,
    ),
  },
  strict,
);

const HeadSchema = Type.Object(
  {
    l2: Type.Number({ minimum: 0, description: 'Strength of the L2 penalty.' }),
    hidden: countSchema('Units of the hidden layer; 0 without one.'),
    weighted: Type.Boolean({ description: 'Whether all classes weigh the same, however many pictures they have.' }),
    folds: countSchema('Folds of the cross-validation.'),
    candidates: Type.Array(
      Type.Object({ l2: Type.Number(), hidden: countSchema('Units.'), log_loss: Type.Number() }, strict),
      { maxItems: 256, description: 'What was tried, with its cross-validated log-loss.' },
    ),
  },
  { ...strict, description: 'The softmax on the frozen network, as cross-validation chose it.' },
);

const HeldOutSchema = Type.Object({ log_loss: Type.Number(), accuracy: Type.Number() }, strict);
const TailSchema = Type.Object(
  {
    depth: DepthSchema,
    weights: countSchema('Weights that were trained.'),
    kept: Type.Boolean(),
    why: Type.String({ description: 'Why it was kept, or not.' }),
    held_out: countSchema('Pictures on which head and tail were compared.'),
    head: HeldOutSchema,
    tail: nullable(HeldOutSchema),
    best_epoch: nullable(countSchema('The epoch whose weights were taken, from 1; null if none ended.')),
    epochs: Type.Array(
      Type.Object(
        {
          epoch: countSchema('From 1.'),
          loss: Type.Number({ description: 'On the pictures trained on.' }),
          ...HeldOutSchema.properties,
        },
        strict,
      ),
      { maxItems: 1000 },
    ),
    trainer_waited_ms: msSchema('Time in which the trainer waited for pictures.'),
    trained_ms: msSchema('Elapsed time of all epochs.'),
  },
  { ...strict, description: 'Training the last layers of the network too.' },
);

/** The report of a training: the content of `training-<hash>.json`. */
export const TrainingReportSchema = Type.Object(
  {
    id: Type.String({ description: 'Id of the new model.' }),
    finished_at: Type.String({ description: 'UTC, ISO 8601.' }),
    base: Type.Object(
      {
        model: Type.String(),
        variant: VariantNameSchema,
        sha256: sha256Schema("Of the base's file."),
      },
      { ...strict, description: 'The network that was learned from.' },
    ),
    result: Type.Object(
      {
        sha256: sha256Schema('Of the new file.'),
        bytes: countSchema('Size of the new file.'),
        features: countSchema('Numbers by which the frozen network describes a picture.'),
      },
      strict,
    ),
    warnings: Type.Array(Type.String(), { maxItems: 32, description: 'What to know before using it.' }),
    data: DataSchema,
    cross_validation: MeasuresSchema,
    val: nullable(MeasuresSchema),
    learning_curve: LearningCurveSchema,
    depth: Type.Object(
      {
        asked: Type.Enum([...DEPTHS]),
        chosen: DepthSchema,
        why: Type.String(),
      },
      strict,
    ),
    augment: Type.Array(Type.String(), { maxItems: 16, description: 'Kinds of distortion that were trained with.' }),
    head: HeadSchema,
    tail: nullable(TailSchema),
    wrong: listSchema(AnsweredSchema, MOST_LISTED.wrong, 'Pictures answered wrongly, the surest first.'),
    suspicious: listSchema(
      AnsweredSchema,
      MOST_LISTED.suspicious,
      'Pictures whose label looks wrong, the least likely label first. The suggestion is the answer.',
    ),
    unknown: nullable(
      Type.Object(
        {
          above: Type.Number({ description: 'A picture at a greater distance from all known ones is unknown.' }),
          known: countSchema('Features in the file that distances are measured to.'),
          held_out_share: Type.Number({ description: 'Share of held-out pictures of the classes above it.' }),
          says: Type.String(),
        },
        { ...strict, description: 'When an answer carries `unknown`; null if it never does.' },
      ),
    ),
    cost: Type.Object(
      {
        ms: msSchema('Elapsed time.'),
        phases: Type.Array(Type.Object({ phase: Type.String(), ms: msSchema('Elapsed time.') }, strict), {
          maxItems: 16,
        }),
        picture_bytes: countSchema('Bytes of all pictures.'),
        cache_bytes: countSchema('Bytes of their features on disk.'),
        cache_hits: countSchema('Features that were read from the cache.'),
        computed: countSchema('Features that were computed.'),
      },
      strict,
    ),
    seed: Type.Integer(),
    versions: Type.Record(Type.String(), Type.String(), {
      description: 'Of menagerie, the runtime and the libraries.',
    }),
  },
  { ...strict, $id: 'TrainingReport', title: 'TrainingReport' },
);

export type TrainingReport = Static<typeof TrainingReportSchema>;
export type TailReport = Static<typeof TailSchema>;

const reportValidator = Compile(TrainingReportSchema);

/**
 * Reads a report that was stored.
 * @param file its name in error messages
 * @throws MenagerieError `invalid_manifest` naming the fields that are wrong
 */
export function parseTrainingReport(text: string, file: string): TrainingReport {
  return parseDescription(text, file, reportValidator, {}, () => []);
}
