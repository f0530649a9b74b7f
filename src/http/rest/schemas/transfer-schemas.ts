import { MODEL_ID_PATTERN } from '../../../core/manifest/schema-words.js';
import { VariantNameSchema } from '../../../core/manifest/variant.js';
import { nullable, strict } from '../../../core/schema/schema-parts.js';
import Type, { type Static } from '../../../core/schema/typebox.js';
import { JOB_STATES } from '../../../training/jobs/transfer-job.js';
import { DEPTHS } from '../../../training/tail/choose-depth.js';
import { STEPS } from '../../../training/transfer-request.js';

const PARAMETERS = {
  id: Type.String({
    pattern: MODEL_ID_PATTERN,
    description: 'Id of the new model. A model that was trained here before is replaced when the new one works.',
  }),
  title: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'Name to display.' })),
  variant: Type.Optional(VariantNameSchema),
  depth: Type.Optional(
    Type.Enum([...DEPTHS], {
      default: 'head',
      description:
        'How much of the network learns: a new classifier (head), also the last block or stage, or what suits the pictures (auto). ' +
        'More than the head is kept only if it answers held-out pictures better.',
    }),
  ),
  augment: Type.Optional(
    Type.String({
      maxLength: 200,
      description:
        'How pictures are distorted while the model learns, as for tta. Layers see them anew in each epoch, a classifier alone four views.',
    }),
  ),
  hidden: Type.Optional(
    Type.String({
      pattern: '^\\d{1,4}(,\\d{1,4}){0,3}$',
      description: 'Sizes of a hidden layer to try, separated by commas; none by default.',
    }),
  ),
  seed: Type.Optional(Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1, default: 0 })),
};

/** The parameters in the URL, for pictures that are in the body. */
export const TransferQuerySchema = Type.Object(PARAMETERS, strict);

const folder = (description: string) => Type.String({ minLength: 1, maxLength: 500, description });
/** The body, for pictures that are on the server's disk. */
export const TransferBodySchema = Type.Object(
  {
    ...PARAMETERS,
    data: folder("Folder below the server's MENAGERIE_DATA_DIR, with a folder of pictures for each class."),
    val: Type.Optional(folder('The same, with pictures that only measure.')),
  },
  strict,
);
export type TransferParameters = Static<typeof TransferQuerySchema>;

export const TransferSchema = Type.Object(
  {
    id: Type.String({ description: 'Id of the training.' }),
    model: Type.String({ description: 'Id of the model that it makes.' }),
    base: Type.String(),
    depth: Type.Enum([...DEPTHS]),
    state: Type.Enum([...JOB_STATES]),
    progress: nullable(
      Type.Object({
        step: Type.Enum([...STEPS]),
        done: Type.Integer(),
        total: Type.Integer(),
        note: Type.String(),
      }),
    ),
    error: nullable(Type.Object({ code: Type.String(), detail: Type.String() })),
    result: nullable(
      Type.Object({
        model: Type.String(),
        version: Type.String(),
        accuracy: Type.Number({ description: 'Cross-validated, 0 to 1.' }),
        classes: Type.Integer(),
        pictures: Type.Integer(),
      }),
    ),
    created: Type.String({ description: 'ISO 8601.' }),
    ended: nullable(Type.String({ description: 'ISO 8601.' })),
  },
  { $id: 'Transfer', title: 'Transfer' },
);

export const TransferIdSchema = Type.String({
  pattern: '^[a-z0-9][a-z0-9._-]{0,72}$',
  description: 'Id of a training.',
});
