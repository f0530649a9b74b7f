import { MenagerieError } from '../core/errors.js';
import type { Manifest } from '../core/manifest/manifest.js';
import { isPixelType, PIXEL_TYPES } from '../core/pixels/pixel-type.js';
import type { OnnxModel } from '../onnx/file/model.js';
import type { Node } from '../onnx/file/node.js';
import { TENSOR_TYPES } from '../onnx/file/tensor-types.js';

/** What the graph of a network says about how to feed it and read it. */
export interface NetworkForm {
  input: Manifest['input'];
  channels: 1 | 3;
  /** Whether the input takes bytes, so that nothing is normalised. */
  bytes: boolean;
  output: Pick<Manifest['output'], 'name' | 'kind'>;
  /** Whether the graph ends in a sigmoid. */
  sigmoid: boolean;
  /** Scores of one view, if the graph says. */
  scores: number | undefined;
  batch: Manifest['batch'];
  /** Whether weights are quantised. */
  int8: boolean;
}

/** What the user says where the graph does not. */
export interface FormOptions {
  /** Height and width of the input. */
  side?: number | undefined;
  /** Name of the output. */
  output?: string | undefined;
}

const SCORE_TYPES = ['float32', 'float16', 'float64'];
/** Side of inputs whose size is open. */
const USUAL_SIDE = 224;
/** Operators that change the form of scores, but not what they are. */
const FORM_ONLY = new Set([
  ...['Identity', 'Cast', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Transpose', 'Dropout'],
  ...['QuantizeLinear', 'DequantizeLinear', 'Gather', 'Slice'],
]);
const QUANTISED = /^(QLinear|DequantizeLinear$|ConvInteger$|MatMulInteger$|DynamicQuantizeLinear$)/;

/**
 * Reads from a graph what a manifest states about input, output and batch.
 * @throws MenagerieError `signature_mismatch` naming what cannot be served
 */
export function readForm(model: OnnxModel, options: FormOptions = {}): NetworkForm {
  const [only, ...others] = model.inputs;
  if (!only || others.length > 0) {
    const names = model.inputs.map(({ name }) => `"${name}"`).join(', ');
    throw refused(`it has ${model.inputs.length} inputs (${names}); a picture feeds exactly one`);
  }
  const type = TENSOR_TYPES[only.dataType]?.name ?? 'of an unknown type';
  if (!isPixelType(type)) {
    throw refused(
      `its input "${only.name}" is ${type}; pixels are fed as one of ${Object.keys(PIXEL_TYPES).join(', ')}`,
    );
  }
  const { layout, channels, height, width, batch } = readInput(only.name, only.dims ?? [], options.side);
  const { name, scores, producer } = readOutput(model, options.output);
  const last = producer && lastOperator(producer, model.nodes);
  const sigmoid = last === 'Sigmoid' || last === 'HardSigmoid';
  return {
    input: { name: only.name, layout, height, width },
    channels,
    bytes: type === 'uint8',
    output: { name, kind: last === 'Softmax' || sigmoid ? 'probabilities' : 'logits' },
    sigmoid,
    scores,
    batch,
    int8: model.nodes.some(({ operator }) => QUANTISED.test(operator)),
  };
}

type InputForm = Pick<Manifest['input'], 'layout' | 'height' | 'width'> & Pick<NetworkForm, 'channels' | 'batch'>;

function readInput(name: string, dims: readonly (number | string)[], side: number | undefined): InputForm {
  const shown = dims.map((size) => size || '?').join('x') || 'of unknown shape';
  const sizes = dims.map((size) => (typeof size === 'number' && size > 0 ? size : undefined));
  const [first, ...rest] = sizes;
  const batchOf = (size: number | undefined): Manifest['batch'] => {
    if (size === undefined) return 'dynamic';
    if (size === 1) return 1;
    throw refused(
      `its input "${name}" is ${shown}: it takes exactly ${size} views at a time; export it for 1, or for any number`,
    );
  };
  const open = side ?? USUAL_SIDE;
  if (sizes.length === 4) {
    const [a, b, c] = rest;
    const last = isChannels(c) && !isChannels(a);
    if (last) return { layout: 'NHWC', channels: c, height: a ?? open, width: b ?? open, batch: batchOf(first) };
    const channels = a ?? 3;
    if (isChannels(channels)) {
      return { layout: 'NCHW', channels, height: b ?? open, width: c ?? open, batch: batchOf(first) };
    }
  }
  if (sizes.length === 3) {
    const [a, b] = rest;
    // Grey without a channel, or one picture without a batch.
    if (isChannels(first) && a !== undefined && first === 3) {
      return { layout: 'NCHW', channels: 3, height: a, width: b ?? a, batch: 1 };
    }
    if (b === 3) return { layout: 'NHWC', channels: 3, height: first ?? open, width: a ?? open, batch: 1 };
    return { layout: 'NCHW', channels: 1, height: a ?? open, width: b ?? open, batch: batchOf(first) };
  }
  if (sizes.length === 2) {
    const [count] = rest;
    for (const channels of [1, 3] as const) {
      const square = Math.sqrt((count ?? Number.NaN) / channels);
      if (Number.isInteger(square)) {
        return { layout: 'NHWC', channels, height: square, width: square, batch: batchOf(first) };
      }
    }
  }
  throw refused(
    `its input "${name}" is ${shown}; a picture has 1 or 3 channels, as NCHW, NHWC, or flattened and square`,
  );
}

function isChannels(size: number | undefined): size is 1 | 3 {
  return size === 1 || size === 3;
}

function readOutput(model: OnnxModel, wanted: string | undefined) {
  const producerOf = (name: string) => model.nodes.find(({ outputs }) => outputs.includes(name));
  const known = model.outputs.map(({ name }) => `"${name}"`).join(', ');
  const found = model.outputs.flatMap(({ name, dataType, dims }) => {
    const producer = producerOf(name);
    // A list of maps from label to probability, as scikit-learn's converter writes it: the tensor before it is served.
    const before = producer?.operator === 'ZipMap' ? producer.inputs[0] : undefined;
    if (before !== undefined) return [{ name: before, scores: undefined, producer: producerOf(before) }];
    const type = TENSOR_TYPES[dataType]?.name ?? '';
    if (!SCORE_TYPES.includes(type)) return [];
    const sizes = dims?.slice(1).map((size) => (typeof size === 'number' && size > 0 ? size : undefined));
    const scores = sizes?.reduce<number | undefined>((all, size) => (all && size ? all * size : undefined), 1);
    return [{ name, scores, producer }];
  });
  const [first] = found;
  const chosen = wanted === undefined ? first : found.find(({ name }) => name === wanted);
  if (chosen) return chosen;
  throw refused(
    wanted === undefined
      ? `none of its outputs (${known}) is a tensor of ${SCORE_TYPES.join(', ')}`
      : `it has no output "${wanted}" with scores; it has ${known}`,
  );
}

/** The operator that makes the scores what they are. */
function lastOperator(producer: Node, nodes: readonly Node[]): string {
  let node = producer;
  // Every step goes to an earlier node.
  for (;;) {
    const [input] = node.inputs;
    const before = FORM_ONLY.has(node.operator)
      ? nodes.find(({ outputs }) => outputs.includes(input ?? ''))
      : undefined;
    if (!before) return node.operator;
    node = before;
  }
}

function refused(what: string): MenagerieError {
  return new MenagerieError('signature_mismatch', `The network cannot be served: ${what}.`);
}
