import { nullable } from '../core/schema/schema-parts.js';
import Type, { type Static } from '../core/schema/typebox.js';

// The JSON of the reports. The types are derived from the schemas.

const count = (description: string) => Type.Integer({ description });
const sizes = (description: string) => nullable(Type.Array(Type.Integer(), { description }));
const PortSchema = Type.Object({ name: Type.String(), shape: Type.Array(Type.Integer()) });

const LayerSchema = Type.Object({
  name: Type.String(),
  operator: Type.String({ description: 'ONNX operator.' }),
  kernel: sizes('Height, width.'),
  stride: sizes('Height, width.'),
  padding: nullable(Type.Union([Type.Array(Type.Integer()), Type.String()])),
  dilation: sizes('Height, width.'),
  groups: nullable(Type.Integer()),
  inputs: Type.Array(Type.Array(Type.Integer()), { description: 'Shapes of the inputs that depend on the picture.' }),
  output: Type.Array(Type.Integer(), { description: 'Shape of the output.' }),
  parameters: count('Learned values.'),
  macs: count('Multiply-accumulates; 0 except for convolutions and fully connected layers.'),
  activation_bytes: count('Bytes of the output.'),
  receptive_field: sizes('Pixels of the input on which a position depends.'),
  receptive_stride: sizes('Pixels between the fields of neighbouring positions.'),
  macs_share: Type.Number({ description: "Share of the network's MACs, 0 to 1." }),
  ms: nullable(
    Type.Number({
      description: 'Median milliseconds; null if not measured or if the layer was optimised away.',
    }),
  ),
  gflops: nullable(Type.Number({ description: '2 x MACs / time.' })),
});

const BlockSchema = Type.Object({
  kind: Type.Enum(['residual', 'inception', 'fire', 'dense', 'parallel']),
  shortcut: nullable(
    Type.Enum(['identity', 'projection'], { description: "How a residual block's input reaches the sum." }),
  ),
  squeeze: Type.Array(Type.String()),
  branches: Type.Array(Type.Array(Type.String()), { description: 'Names of layers; none for an identity.' }),
  join: Type.Array(Type.String()),
  output: Type.Array(Type.Integer()),
});

const PartSchema = Type.Object({
  kind: Type.Enum(['stem', 'stage', 'transition', 'head', 'layers']),
  layers: Type.Array(Type.String(), { description: 'Names; for a stage they are in its blocks.' }),
  blocks: Type.Array(BlockSchema),
  output: Type.Array(Type.Integer()),
});

export const SummaryReportSchema = Type.Object(
  {
    model: Type.Object({
      id: Type.String(),
      title: Type.String(),
      variant: nullable(Type.String()),
      version: nullable(Type.String()),
    }),
    file: Type.Object({
      bytes: Type.Integer(),
      opsets: Type.Record(Type.String(), Type.Integer()),
      ir_version: Type.Integer(),
      producer: Type.String(),
      untrained: Type.Boolean({ description: 'Whether the file states that its weights are untrained.' }),
    }),
    inputs: Type.Array(PortSchema),
    outputs: Type.Array(PortSchema),
    totals: Type.Object({
      parameters: count("Learned values, including batch normalisation's running statistics if the file has them."),
      macs: count('Multiply-accumulates for one picture.'),
      depth: count('Layers with weights on the longest path.'),
      weighted_layers: count('All layers with weights.'),
      weight_bytes: Type.Number({ description: 'Bytes of the tensors in the file.' }),
      activation_bytes: count('Bytes of the outputs of all layers.'),
      peak_activation_bytes: count('The most bytes of activations in memory at the same time.'),
      ms: nullable(Type.Number()),
      gflops: nullable(Type.Number()),
    }),
    layers: Type.Array(LayerSchema),
    parts: Type.Array(PartSchema, { description: 'Stem, stages of blocks, head.' }),
  },
  { $id: 'Summary', title: 'Summary' },
);

const ComparedModelSchema = Type.Object({
  id: Type.String(),
  title: Type.String(),
  variant: nullable(Type.String()),
  parameters: Type.Integer(),
  macs: Type.Integer(),
  depth: Type.Integer(),
  weight_bytes: Type.Number(),
  file_bytes: Type.Integer(),
  peak_activation_bytes: Type.Integer(),
  top1: nullable(Type.Number()),
  top5: nullable(Type.Number()),
  ms: nullable(Type.Number({ description: 'Median milliseconds on one thread; null if not measured.' })),
});

export const CompareReportSchema = Type.Object(
  {
    models: Type.Array(ComparedModelSchema),
  },
  { $id: 'Comparison', title: 'Comparison' },
);

export type LayerReport = Static<typeof LayerSchema>;
export type SummaryReport = Static<typeof SummaryReportSchema>;
export type ComparedModel = Static<typeof ComparedModelSchema>;
export type CompareReport = Static<typeof CompareReportSchema>;
