import { strict } from '../schema/schema-parts.js';
import Type, { Compile, type Static } from '../schema/typebox.js';
import { COLOR_ORDERS, channelsOf } from './color-order.js';
import { CROPS } from './crops.js';
import { parseDescription } from './parse-description.js';
import { fileName, MODEL_ID_PATTERN, oneOf, PATTERN_WORDS, SHA256_PATTERN } from './schema-words.js';
import { filesOf, VARIANT_NAMES, type Variant, type VariantName, VariantNameSchema, VariantSchema } from './variant.js';

// The schema of models/<id>/manifest.json, which describes one model. docs/manifest.md and models/manifest.schema.json are
// generated from the descriptions below.

const FilterSchema = oneOf(
  ['bilinear', 'bicubic', 'lanczos'],
  "Pillow's resampling filter, widened by the scale when shrinking (antialiasing).",
);
export type Filter = Static<typeof FilterSchema>;

const ResizeSchema = Type.Object(
  {
    mode: oneOf(
      ['shorter_side', 'exact', 'digit'],
      'shorter_side: keep the aspect ratio, then crop the centre to the input. exact: resize to the input without keeping ' +
        'the aspect ratio. digit: find the digit, make it light on dark, scale and centre it as in MNIST (docs/digits.md).',
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
          'Black pixels around the resized picture when several crops are cut from it; for shorter_side only. For inputs ' +
          'as large as the resized picture, whose crops would otherwise all be the same.',
      }),
    ),
  },
  { ...strict, description: 'How a picture is resized to the input.' },
);
/** What `ResizeSchema` and the rules in `manifestFaults` allow. */
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
  { ...strict, description: 'How a picture becomes the input tensor.' },
);
export type Preprocess = Omit<Static<typeof PreprocessSchema>, 'resize'> & { resize: Resize };

export const ManifestSchema = Type.Object(
  {
    $schema: Type.Optional(Type.String({ description: 'For editors; ignored.' })),
    id: Type.String({
      pattern: MODEL_ID_PATTERN,
      description: 'The name in requests; must equal the name of the folder.',
    }),
    title: Type.String({ minLength: 1, maxLength: 200, description: 'The name to display.' }),
    family: Type.String({ minLength: 1, maxLength: 64, description: 'The architecture: alexnet, vgg, resnet ...' }),
    dataset: Type.String({ minLength: 1, maxLength: 64, description: 'The training data.' }),
    labels: fileName('Class names: `x` means labels/x.txt in the model directory, `./x` a file beside the manifest.'),
    input: Type.Object(
      {
        name: Type.String({ minLength: 1, description: 'Name of the graph input.' }),
        layout: oneOf(['NCHW', 'NHWC'], 'Order of the dimensions.'),
        height: Type.Integer({ minimum: 1, maximum: 4096, description: 'Pixels.' }),
        width: Type.Integer({ minimum: 1, maximum: 4096, description: 'Pixels.' }),
      },
      {
        ...strict,
        description:
          'The input tensor: float32, float16, float64 or uint8. `preprocess.color` determines the number of channels. The ' +
          'file may leave out the batch or a single channel, or take a view flattened in this layout.',
      },
    ),
    preprocess: PreprocessSchema,
    crops: Type.Optional(
      Type.Enum([...CROPS], {
        description: 'Number of crops of a picture unless a request says otherwise; 1 by default (docs/multi-crop.md).',
      }),
    ),
    output: Type.Object(
      {
        name: Type.String({
          minLength: 1,
          description: 'Name of the graph output, or of a tensor inside the graph.',
        }),
        kind: oneOf(
          ['logits', 'probabilities'],
          'Whether the server must still apply softmax (logits) or not (probabilities).',
        ),
        multi_label: Type.Optional(
          Type.Boolean({
            description:
              'Whether several labels may apply to one picture: each has a probability of its own, from a sigmoid instead of softmax.',
          }),
        ),
        label_offset: Type.Optional(
          Type.Integer({
            minimum: 0,
            maximum: 16,
            description:
              'Number of scores before that of the first label, such as one for the background; they are left out.',
          }),
        ),
      },
      {
        ...strict,
        description:
          'The output tensor: one float32, float16 or float64 score per label, whatever its shape. One score for two labels is that of ' +
          'the second one.',
      },
    ),
    batch: Type.Enum(['dynamic', 1], { description: 'Batch size that the files accept: any, or only 1.' }),
    macs: Type.Optional(
      Type.Integer({
        minimum: 1,
        description:
          'Multiply-accumulates for one view. By default they are counted when the model loads, which takes a while.',
      }),
    ),
    variants: Type.Object(
      { fp32: Type.Optional(VariantSchema), int8: Type.Optional(VariantSchema) },
      { ...strict, minProperties: 1, description: 'The weights files by number format.' },
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
          image: fileName('`x` means golden/x in the model directory, `./x` a file beside the manifest.'),
          index: Type.Integer({ minimum: 0, description: 'The class that it shows.' }),
          within: Type.Integer({
            minimum: 1,
            maximum: 10,
            description: 'The class must be among this many of the best.',
          }),
        },
        { ...strict, description: 'A picture that the model must classify correctly before it serves.' },
      ),
    ),
    untrained: Type.Optional(
      Type.Boolean({
        description:
          'Whether the weights are untrained: the model has a summary and can be timed, but is not loaded at start, and ' +
          '/classify refuses it.',
      }),
    ),
    derived_from: Type.Optional(
      Type.Object(
        {
          model: Type.String({ pattern: MODEL_ID_PATTERN, description: 'Its id.' }),
          variant: VariantNameSchema,
          sha256: Type.String({ pattern: SHA256_PATTERN, description: 'Of the ONNX file of that variant.' }),
        },
        {
          ...strict,
          description:
            'The model whose last layers were replaced. While both have the same weights before those, workers hold and run them once.',
        },
      ),
    ),
    unknown: Type.Optional(
      Type.Object(
        {
          output: Type.String({
            minLength: 1,
            description: 'Name of the graph output with the distance: one float32 value per picture.',
          }),
          above: Type.Number({ description: 'A picture whose distance is larger is answered with `unknown: true`.' }),
        },
        { ...strict, description: 'How far a picture is from all that the model was trained on.' },
      ),
    ),
    inferred: Type.Optional(
      Type.Array(Type.String({ maxLength: 64 }), {
        description: 'The fields that no source states and that were inferred from similar networks.',
      }),
    ),
    notes: Type.Optional(Type.String({ maxLength: 1000, description: 'Further remarks.' })),
  },
  { ...strict, $id: 'manifest', title: 'Menagerie model manifest' },
);
type SchemaManifest = Static<typeof ManifestSchema>;
export type Manifest = Omit<SchemaManifest, 'preprocess'> & { preprocess: Preprocess };

const manifestValidator = Compile(ManifestSchema);

/** The variants in a manifest, in a fixed order. */
export function variantsOf(manifest: Pick<SchemaManifest, 'variants'>): [VariantName, Variant][] {
  return VARIANT_NAMES.flatMap((name): [VariantName, Variant][] => {
    const variant = manifest.variants[name];
    return variant ? [[name, variant]] : [];
  });
}

/**
 * Parses a manifest, and checks its schema and the rules between its fields.
 * @param text the JSON text
 * @param file the name of the file in error messages
 * @throws MenagerieError `invalid_manifest` naming the file, and the field and the rule of every fault
 */
export function parseManifest(text: string, file: string): Manifest {
  const manifest = parseDescription(text, file, manifestValidator, PATTERN_WORDS, manifestFaults);
  const { resize } = manifest.preprocess;
  if (!isComplete(resize)) throw new Error(`resize mode ${resize.mode} lacks a field`);
  return { ...manifest, preprocess: { ...manifest.preprocess, resize } };
}

/** Whether a resize has the fields that its mode requires, which `manifestFaults` has checked. */
function isComplete(resize: Static<typeof ResizeSchema>): resize is Resize {
  const { mode, size, filter } = resize;
  return mode === 'digit' || (filter !== undefined && (mode === 'exact' || size !== undefined));
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
        `preprocess.resize.${field}: ${needed.includes(field) ? 'required' : 'not allowed'} with mode "${resize.mode}"`,
      );
    }
  }
  if (resize.padding !== undefined && resize.mode !== 'shorter_side') {
    faults.push(`preprocess.resize.padding: not allowed with mode "${resize.mode}"`);
  }
  if (resize.padding !== undefined && resize.padding >= Math.min(input.height, input.width)) {
    faults.push(`preprocess.resize.padding: ${resize.padding} would leave nothing of the picture in a corner crop`);
  }
  if (resize.size !== undefined && resize.size < Math.max(input.height, input.width)) {
    faults.push(`preprocess.resize.size: ${resize.size} is smaller than the input of ${input.height}x${input.width}`);
  }
  if (resize.mode === 'digit' && preprocess.color !== 'GRAY') {
    faults.push('preprocess.color: must be GRAY with resize mode "digit"');
  }
  if (manifest.crops !== undefined && manifest.crops > 1 && resize.mode !== 'shorter_side') {
    faults.push('crops: more than one requires resize mode "shorter_side"');
  }
  for (const [name, variant] of variantsOf(manifest)) {
    if (!variant.file.endsWith('.onnx')) faults.push(`variants.${name}.file: must end in .onnx`);
    for (const [i, { url, sha256, bytes }] of filesOf(variant).entries()) {
      const where = i === 0 ? name : `${name}.external_data.${i - 1}`;
      if (url !== undefined && (sha256 === undefined || bytes === undefined)) {
        faults.push(`variants.${where}: sha256 and bytes are required with url`);
      }
    }
  }
  const { fp32, int8 } = manifest.variants;
  if (fp32 && int8 && fp32.file === int8.file) faults.push('variants.int8.file: must not be the file of variants.fp32');
  if (!manifest.variants[manifest.default_variant]) {
    faults.push(`default_variant: variants has no "${manifest.default_variant}"`);
  }
  return faults;
}
