import { strict } from '../schema/schema-parts.js';
import Type, { type Static } from '../schema/typebox.js';
import { fileName, oneOf, SHA256_PATTERN, URL_PATTERN } from './schema-words.js';

// The part of a manifest's schema that describes the files of a variant.

const percent = (description: string) => Type.Number({ minimum: 0, maximum: 100, description });

/** What is stated about one file. */
const stated = {
  url: Type.Optional(Type.String({ pattern: URL_PATTERN, description: 'Where `menagerie pull` downloads it from.' })),
  sha256: Type.Optional(
    Type.String({
      pattern: SHA256_PATTERN,
      description: 'Checked after a pull and before every load. Required with `url`.',
    }),
  ),
  bytes: Type.Optional(Type.Integer({ minimum: 1, description: 'Size of the file. Required with `url`.' })),
};

const WeightFileSchema = Type.Object(
  { file: fileName('The file, beside the ONNX file, which names it.'), ...stated },
  { ...strict, description: 'A file with external data.' },
);
/** A file of a variant. */
export type WeightFile = Static<typeof WeightFileSchema>;

export const VariantSchema = Type.Object(
  {
    file: fileName('The ONNX file, beside the manifest.'),
    ...stated,
    external_data: Type.Optional(
      Type.Array(WeightFileSchema, {
        minItems: 1,
        maxItems: 64,
        description:
          'The files beside the ONNX file that hold its weights, as exporters write them for large networks. They are found ' +
          'without this; it is for pulling and for checking them.',
      }),
    ),
    top1: Type.Optional(percent('Top-1 accuracy in percent, published or measured (see `notes`).')),
    top5: Type.Optional(percent('Top-5 accuracy in percent.')),
  },
  { ...strict, description: 'One weights file.' },
);
export type Variant = Static<typeof VariantSchema>;

export const VARIANT_NAMES = ['fp32', 'int8'] as const;
export type VariantName = (typeof VARIANT_NAMES)[number];
export const VariantNameSchema = oneOf(VARIANT_NAMES, 'Number format of the weights.');

/** The ONNX file of a variant, and its files with external data. */
export function filesOf({ external_data = [], ...main }: Variant): WeightFile[] {
  return [main, ...external_data];
}
