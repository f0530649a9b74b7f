import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { strict } from '../schema-parts.js';
import { COLOR_ORDERS, channelsOf } from './color-order.js';
import { CROPS } from './crops.js';
import { parseDescription } from './parse-description.js';

// models/<id>/manifest.json: the facts of one network. The schema is the contract with whoever adds a model;
// docs/manifest.md and models/manifest.schema.json are generated from the descriptions below.

const oneOf = <const T extends string[]>(values: readonly [...T], description: string) =>
  Type.Enum([...values], { description });

/** A lower-case name that is safe as a folder, a metric label and part of an address. */
export const MODEL_ID_PATTERN = '^[a-z0-9][a-z0-9._-]{0,63}$';
const RELATIVE_FILE_PATTERN = '^(?!/)(?!.*(^|/)\\.\\.(/|$))[^\\\\:*?"<>|]+$';
const URL_PATTERN = '^https?://';
const SHA256_PATTERN = '^[0-9a-f]{64}$';
/** What the patterns ask for, in the words of an error message. */
export const PATTERN_WORDS = {
  [MODEL_ID_PATTERN]:
    'must be at most 64 lower-case letters, digits, dots, hyphens or underscores, the first a letter or digit',
  [RELATIVE_FILE_PATTERN]: 'must be a relative file name: no leading slash, no "..", none of \\ : * ? " < > |',
  [URL_PATTERN]: 'must begin with http:// or https://',
  [SHA256_PATTERN]: 'must be a SHA-256: 64 lower-case hexadecimal digits',
};
const fileName = (description: string) =>
  Type.String({ pattern: RELATIVE_FILE_PATTERN, minLength: 1, maxLength: 255, description });

const FilterSchema = oneOf(
  ['bilinear', 'bicubic', 'lanczos'],
  "Pillow's resampling filter; it is widened by the scale when shrinking (antialiasing).",
);
export type Filter = Static<typeof FilterSchema>;

const ResizeSchema = Type.Object(
  {
    mode: oneOf(
      ['shorter_side', 'exact', 'digit'],
      'shorter_side: keep the aspect ratio, then crop the centre to the input. exact: resize to the input whatever the ' +
        'aspect ratio. digit: find the digit, make it light on dark, scale and centre it as MNIST was (docs/digits.md).',
    ),
    size: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 4096,
        description: 'Pixels of the shorter side after resizing; for shorter_side only.',
      }),
    ),
    filter: Type.Optional(FilterSchema),
    padding: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 256,
        description:
          'Pixels of black around the resized picture where several crops are cut from it; for shorter_side only. For inputs ' +
          'as large as the resized picture, whose crops would else be all the same.',
      }),
    ),
  },
  { ...strict, description: 'How a picture is brought to the size of the input.' },
);
/** What `ResizeSchema` and the rules between its fields admit. */
export type Resize =
  | { mode: 'shorter_side'; size: number; filter: Filter; padding?: number }
  | { mode: 'exact'; filter: Filter }
  | { mode: 'digit' };

const PreprocessSchema = Type.Object(
  {
    resize: ResizeSchema,
    color: oneOf(COLOR_ORDERS, 'Order of the channels of the input tensor.'),
    scale: Type.Number({
      exclusiveMinimum: 0,
      description: 'Factor on the 0..255 values: y = (x * scale - mean) / std.',
    }),
    mean: Type.Array(Type.Number(), { description: 'Per channel, in the order of `color`, after scaling.' }),
    std: Type.Array(Type.Number({ exclusiveMinimum: 0 }), { description: 'Per channel, in the order of `color`.' }),
  },
  { ...strict, description: 'What is done to a picture before the network sees it.' },
);
export type Preprocess = Omit<Static<typeof PreprocessSchema>, 'resize'> & { resize: Resize };

const percent = (description: string) => Type.Number({ minimum: 0, maximum: 100, description });

const VariantSchema = Type.Object(
  {
    file: fileName('The ONNX file, beside the manifest.'),
    url: Type.Optional(Type.String({ pattern: URL_PATTERN, description: 'Where `menagerie pull` fetches it.' })),
    sha256: Type.Optional(
      Type.String({
        pattern: SHA256_PATTERN,
        description: 'Checked after a pull and before every load. Required with `url`.',
      }),
    ),
    bytes: Type.Optional(Type.Integer({ minimum: 1, description: 'Size of the file. Required with `url`.' })),
    top1: Type.Optional(percent('Top-1 accuracy in percent, as published or measured (see `notes`).')),
    top5: Type.Optional(percent('Top-5 accuracy in percent.')),
  },
  { ...strict, description: 'One file of weights.' },
);
export type Variant = Static<typeof VariantSchema>;

const VARIANT_NAMES = ['fp32', 'int8'] as const;
export type VariantName = (typeof VARIANT_NAMES)[number];
export const VariantNameSchema = oneOf(VARIANT_NAMES, 'Number format of the weights.');

export const ManifestSchema = Type.Object(
  {
    $schema: Type.Optional(Type.String({ description: 'For editors; not read.' })),
    id: Type.String({
      pattern: MODEL_ID_PATTERN,
      description: 'The name used in requests; equal to the name of the folder.',
    }),
    title: Type.String({ minLength: 1, maxLength: 200, description: 'The name for people.' }),
    family: Type.String({ minLength: 1, maxLength: 64, description: 'The architecture: alexnet, vgg, resnet ...' }),
    dataset: Type.String({ minLength: 1, maxLength: 64, description: 'What it was trained on.' }),
    labels: fileName(
      'Class names: a bare name `x` is labels/x.txt of the model directory, `./x` a file beside the manifest.',
    ),
    input: Type.Object(
      {
        name: Type.String({ minLength: 1, description: 'Name of the input of the graph.' }),
        layout: oneOf(['NCHW', 'NHWC'], 'Order of the dimensions.'),
        height: Type.Integer({ minimum: 1, maximum: 4096, description: 'Pixels.' }),
        width: Type.Integer({ minimum: 1, maximum: 4096, description: 'Pixels.' }),
      },
      {
        ...strict,
        description: 'The float32 tensor the network takes. It has as many channels as `preprocess.color`.',
      },
    ),
    preprocess: PreprocessSchema,
    crops: Type.Optional(
      Type.Enum([...CROPS], {
        description:
          'How many crops of a picture are shown unless a request says otherwise; 1 without it (docs/multi-crop.md).',
      }),
    ),
    output: Type.Object(
      {
        name: Type.String({ minLength: 1, description: 'Name of the output of the graph.' }),
        kind: oneOf(['logits', 'probabilities'], 'Whether softmax is still to be applied.'),
      },
      { ...strict, description: 'The float32 tensor the network answers with: one score per class.' },
    ),
    batch: Type.Enum(['dynamic', 1], { description: 'Whether the files take any number of pictures at once, or one.' }),
    variants: Type.Object(
      { fp32: Type.Optional(VariantSchema), int8: Type.Optional(VariantSchema) },
      { ...strict, minProperties: 1, description: 'The files of weights by number format.' },
    ),
    default_variant: VariantNameSchema,
    license: Type.String({
      minLength: 1,
      maxLength: 200,
      description: 'SPDX identifier of the licence of the weights.',
    }),
    source: Type.Optional(Type.String({ maxLength: 500, description: 'Where the weights come from.' })),
    paper: Type.Optional(Type.String({ maxLength: 500, description: 'The paper that describes the network.' })),
    golden: Type.Optional(
      Type.Object(
        {
          image: fileName('A bare name is golden/<name> of the model directory, `./x` a file beside the manifest.'),
          index: Type.Integer({ minimum: 0, description: 'The class it shows.' }),
          within: Type.Integer({
            minimum: 1,
            maximum: 10,
            description: 'The class must be among this many best answers.',
          }),
        },
        { ...strict, description: 'A picture the network must answer rightly before it serves.' },
      ),
    ),
    untrained: Type.Optional(
      Type.Boolean({
        description:
          'Whether the weights mean nothing: the model has a summary and can be timed, but is not loaded at start and /classify refuses it.',
      }),
    ),
    inferred: Type.Optional(
      Type.Array(Type.String({ maxLength: 64 }), {
        description: 'The fields that no source states and that were concluded from similar networks.',
      }),
    ),
    notes: Type.Optional(Type.String({ maxLength: 1000, description: 'What else is worth knowing.' })),
  },
  { ...strict, $id: 'manifest', title: 'Menagerie model manifest' },
);
type SchemaManifest = Static<typeof ManifestSchema>;
export type Manifest = Omit<SchemaManifest, 'preprocess'> & { preprocess: Preprocess };

const manifestValidator = Compile(ManifestSchema);

/** The variants a manifest has, in a fixed order. */
export function variantsOf(manifest: Pick<SchemaManifest, 'variants'>): [VariantName, Variant][] {
  return VARIANT_NAMES.flatMap((name) => {
    const variant = manifest.variants[name];
    return variant ? [[name, variant] as [VariantName, Variant]] : [];
  });
}

/**
 * Checks a manifest.
 * @param text the JSON text
 * @param file what to call it in messages
 * @returns the manifest, every rule of the schema and between its fields held
 * @throws MenagerieError `invalid_manifest` naming the file, the field and the rule, for every fault at once
 */
export function parseManifest(text: string, file: string): Manifest {
  return parseDescription(text, file, manifestValidator, PATTERN_WORDS, manifestFaults) as Manifest;
}

function manifestFaults(manifest: SchemaManifest): string[] {
  const faults: string[] = [];
  const { preprocess, input } = manifest;
  const channels = channelsOf(preprocess.color);
  for (const field of ['mean', 'std'] as const) {
    if (preprocess[field].length !== channels) {
      faults.push(
        `preprocess.${field}: must have ${channels} entries for ${preprocess.color}, has ${preprocess[field].length}`,
      );
    }
  }
  const { resize } = preprocess;
  const needed: string[] = { shorter_side: ['size', 'filter'], exact: ['filter'], digit: [] }[resize.mode];
  for (const field of ['size', 'filter'] as const) {
    if (needed.includes(field) !== (resize[field] !== undefined)) {
      faults.push(
        `preprocess.resize.${field}: ${needed.includes(field) ? 'required' : 'not taken'} with mode "${resize.mode}"`,
      );
    }
  }
  if (resize.padding !== undefined && resize.mode !== 'shorter_side') {
    faults.push(`preprocess.resize.padding: not taken with mode "${resize.mode}"`);
  }
  if (resize.padding !== undefined && resize.padding >= Math.min(input.height, input.width)) {
    faults.push(`preprocess.resize.padding: ${resize.padding} would leave nothing of the picture in a corner`);
  }
  if (resize.size !== undefined && resize.size < Math.max(input.height, input.width)) {
    faults.push(`preprocess.resize.size: ${resize.size} is smaller than the input of ${input.height}x${input.width}`);
  }
  if (resize.mode === 'digit' && preprocess.color !== 'GRAY') {
    faults.push('preprocess.color: must be GRAY with resize mode "digit"');
  }
  if (manifest.crops !== undefined && manifest.crops > 1 && resize.mode !== 'shorter_side') {
    faults.push('crops: several need resize mode "shorter_side"');
  }
  for (const [name, variant] of variantsOf(manifest)) {
    if (!variant.file.endsWith('.onnx')) faults.push(`variants.${name}.file: must end in .onnx`);
    if (variant.url !== undefined && (variant.sha256 === undefined || variant.bytes === undefined)) {
      faults.push(`variants.${name}: sha256 and bytes are required with url`);
    }
  }
  const { fp32, int8 } = manifest.variants;
  if (fp32 && int8 && fp32.file === int8.file) faults.push('variants.int8.file: is the file of variants.fp32 too');
  if (!manifest.variants[manifest.default_variant]) {
    faults.push(`default_variant: variants has no "${manifest.default_variant}"`);
  }
  return faults;
}
