import { nullable, strict } from '../../core/schema/schema-parts.js';
import Type, { type Static } from '../../core/schema/typebox.js';

// Parts of the report of a training. Shares and probabilities are 0 to 1. `images` counts pictures, as in evaluations.

/** The most that a list of the report holds. The count beside the list counts all. */
export const MOST_LISTED = {
  wrong: 48,
  suspicious: 24,
  groups: 24,
  groupPictures: 6,
  files: 200,
} as const;
/** Characters of a thumbnail as a data URL: a JPEG of 96 pixels, even of noise, takes about 16,000. */
const THUMBNAIL_CHARACTERS = 32_768;

export const countSchema = (description: string) => Type.Integer({ minimum: 0, description });
const shareSchema = (description: string) => Type.Number({ minimum: 0, maximum: 1, description });
export const sha256Schema = (description: string) => Type.String({ pattern: '^[0-9a-f]{64}$', description });
export const msSchema = (description: string) => Type.Number({ minimum: 0, description });

const MeasuredShareSchema = Type.Object(
  { value: shareSchema('What was measured.'), low: shareSchema('Lower end.'), high: shareSchema('Upper end.') },
  { ...strict, description: "A share with its 95 % confidence interval (Wilson's)." },
);

const SplitSchema = Type.Enum(['train', 'val']);

const ThumbnailSchema = nullable(
  Type.String({
    pattern: '^data:image/jpeg;base64,[A-Za-z0-9+/]+={0,2}$',
    maxLength: THUMBNAIL_CHARACTERS,
    description: 'A JPEG of at most 96 pixels as a data URL; null where none could be made.',
  }),
);

/** A picture and its class. */
export const PictureSchema = Type.Object(
  {
    file: Type.String({ description: 'Path below the folder.' }),
    split: SplitSchema,
    label: Type.String({ description: 'The class that it was given with.' }),
    thumbnail: ThumbnailSchema,
  },
  strict,
);

export const AnsweredSchema = Type.Object(
  {
    ...PictureSchema.properties,
    answer: Type.String({ description: 'The most probable class, from a training without this picture.' }),
    probability: shareSchema('Its probability.'),
    label_probability: shareSchema('Probability of the given class.'),
  },
  strict,
);

/** A list that is cut, with the count of all. */
export const listSchema = <T extends Type.TSchema>(item: T, most: number, description: string) =>
  Type.Object(
    {
      count: countSchema('All of them.'),
      listed: Type.Array(item, { maxItems: most, description: 'The first ones.' }),
    },
    { ...strict, description },
  );

export const MeasuresSchema = Type.Object(
  {
    images: Type.Integer({ minimum: 1, description: 'Pictures that were answered by a network trained without them.' }),
    accuracy: MeasuredShareSchema,
    base_rate: Type.Object(
      { label: Type.String(), value: shareSchema('Share of that class.') },
      { ...strict, description: 'What always answering the largest class would reach.' },
    ),
    balanced_accuracy: shareSchema('Mean of the recall of all classes.'),
    log_loss: Type.Number({ minimum: 0, description: 'Mean of minus the logarithm of the true class’s probability.' }),
    calibration_error: shareSchema('Expected calibration error over 15 bins.'),
    classes: Type.Array(
      Type.Object(
        { images: countSchema('Pictures of the class.'), recall: nullable(MeasuredShareSchema) },
        { ...strict, description: 'Recall: share of them that were answered rightly; null without pictures.' },
      ),
      { description: 'In the order of the classes.' },
    ),
    confusion: Type.Array(
      Type.Object(
        { label: countSchema('Index.'), answer: countSchema('Index.'), images: countSchema('Pictures.') },
        strict,
      ),
      { description: 'Pairs of given class and answer that occurred.' },
    ),
  },
  strict,
);

export const LearningCurveSchema = Type.Object(
  {
    points: Type.Array(
      Type.Object(
        { per_class: countSchema('Training pictures of each class, at most.'), accuracy: MeasuredShareSchema },
        strict,
      ),
      { maxItems: 32, description: 'Held-out accuracy after training on fewer pictures. By number of pictures.' },
    ),
    would_help: nullable(
      Type.Boolean({ description: 'Whether more pictures would help; null where there are too few to tell.' }),
    ),
    says: Type.String(),
  },
  strict,
);

/** A thumbnail as it stands in the report. @param jpeg the bytes of a JPEG; null where none could be made */
export function thumbnailUrl(jpeg: Uint8Array | null): ReportedPicture['thumbnail'] {
  return jpeg && `data:image/jpeg;base64,${Buffer.from(jpeg).toString('base64')}`;
}

export type MeasuredShare = Static<typeof MeasuredShareSchema>;
export type ReportedPicture = Static<typeof PictureSchema>;
export type AnsweredPicture = Static<typeof AnsweredSchema>;
export type Measures = Static<typeof MeasuresSchema>;
