import Type from 'typebox';
import { ProblemSchema } from '../../errors/problem.js';
import { AnsweringModelSchema } from './answer-schemas.js';

const PictureFeaturesSchema = Type.Object(
  {
    name: Type.Optional(Type.String({ description: 'File name from the form.' })),
    width: Type.Optional(Type.Integer({ description: 'Pixels, after orientation.' })),
    height: Type.Optional(Type.Integer({ description: 'Pixels, after orientation.' })),
    format: Type.Optional(Type.String({ description: 'jpeg, png, webp, avif, gif or tiff.' })),
    views: Type.Optional(
      Type.Integer({ description: 'Number of different views of the picture that were averaged, if more than one.' }),
    ),
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
