import Type from '../../../core/schema/typebox.js';
import { ProblemSchema } from '../../errors/problem.js';
import { AnsweringModelSchema, pictureSchema } from './answer-schemas.js';

const PictureFeaturesSchema = Type.Object(
  {
    ...pictureSchema,
    features: Type.Optional(
      Type.Array(Type.Number(), { description: 'Mean over the views, row by row; not scaled to length 1.' }),
    ),
    error: Type.Optional(ProblemSchema),
  },
  { description: 'Either `features` or, for one of several pictures, the `error` that it caused.' },
);

export const FeaturesSchema = Type.Object(
  {
    model: AnsweringModelSchema,
    shape: Type.Array(Type.Integer(), { description: 'Sizes of the features of one picture.' }),
    results: Type.Array(PictureFeaturesSchema, { description: 'One per picture, in the order of the request.' }),
  },
  { $id: 'Features', title: 'Features', description: 'What a network computes of pictures before it tells classes.' },
);
