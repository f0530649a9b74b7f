import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { floats, integer, modelOf, node, tensor, value } from '../../scripts/torture/onnx-fields.mjs';
import type { Encodable } from '../../src/onnx/file/wire.js';
import type { NetworkSpec } from '../../src/runtime/networks/network-spec.js';
import { temporaryFolder } from './model-folders.js';

// Networks whose scores can be told by hand: the mean of each channel, times GAIN. As ONNX files made here, in all the forms that
// exporters write.

export const [FLOAT, UINT8, INT64, FLOAT16, DOUBLE] = [1, 2, 7, 10, 11];
const FROM_INTS = 7;
export const SIDE = 4;
export const GAIN = 8;

export type Dims = (number | string)[];

interface Form {
  /** TensorProto.DataType. */
  input?: number;
  output?: number;
  inputDims?: Dims;
  /** Default: the file does not say. */
  outputDims?: Dims;
  /** How the input becomes 1x3x4x4 for each view; default: it is. */
  into?: Encodable[];
  /** From `scores`, views x 3, to `y`; default: they are the same. */
  head?: Encodable[];
  /** Inputs and outputs of the graph beside `x` and `y`. */
  more?: Encodable[];
  /** Whether `y` is an output of the graph. */
  listed?: boolean;
}

export const integers = (name: string, values: number[]): Encodable => [
  5,
  [[1, name], ...values.map((value): Encodable => [8, value]), [20, FROM_INTS]],
];
export const inputOf = (name: string, type: number, dims: Dims) => value(11, name, type, dims);
export const outputOf = (name: string, type: number, dims?: Dims) => value(12, name, type, dims);
export const longs = (values: number[]) => new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer);

/** The bytes of a network of that form. Input `x`, output `y`. */
export function colourNetwork(form: Form = {}): Uint8Array {
  const {
    input = FLOAT,
    output = FLOAT,
    inputDims = ['N', 3, SIDE, SIDE],
    into,
    head,
    more = [],
    listed = true,
  } = form;
  const graph: Encodable[] = [
    node('Cast', ['x'], ['float'], [integer('to', FLOAT)]),
    ...(into ?? [node('Identity', ['float'], ['picture'])]),
    node('GlobalAveragePool', ['picture'], ['pooled']),
    node('Flatten', ['pooled'], ['means'], [integer('axis', 1)]),
    node('Mul', ['means', 'gain'], ['scores']),
    ...(head ?? [node('Identity', ['scores'], ['answer'])]),
    node('Cast', ['answer'], ['y'], [integer('to', output)]),
    tensor('gain', FLOAT, [], floats([GAIN])),
    inputOf('x', input, inputDims),
    ...(listed ? [outputOf('y', output, form.outputDims)] : []),
    ...more,
  ];
  return modelOf(graph);
}

/** A spec for a network with three labels that takes 4x4 pictures, from 0 to 1. */
export async function colourSpec(network: Uint8Array, rest: Partial<NetworkSpec> = {}): Promise<NetworkSpec> {
  const file = join(await temporaryFolder(), 'net.onnx');
  writeFileSync(file, network);
  return {
    key: 'net',
    file,
    labels: 3,
    bytes: network.length,
    input: { name: 'x', layout: 'NCHW', height: SIDE, width: SIDE },
    preprocess: {
      resize: { mode: 'exact', filter: 'bilinear' },
      color: 'RGB',
      scale: 1 / 255,
      mean: [0, 0, 0],
      std: [1, 1, 1],
    },
    output: { name: 'y', kind: 'logits' },
    batch: 'dynamic',
    ...rest,
  };
}
