import { bytesInMemory } from '../../core/byte-source.js';
import { MenagerieError } from '../../core/errors.js';
import { floatsField, integersField, nodeField, valueField } from '../file/fields.js';
import { readModel } from '../file/model.js';
import { modelFields } from '../file/model-fields.js';
import { type Encodable, encode, fieldsOf } from '../file/wire.js';
import type { Backbone } from './backbone.js';
import { FEATURES } from './find-cut.js';
import { partOf } from './part.js';

/** The weights of a head: what makes logits of features. Any standardisation of the features is folded in. */
export interface HeadWeights {
  classes: number;
  /** classes x inputs. */
  weights: Float32Array;
  bias: Float32Array;
  /** A layer before, with Relu; its `weights` are units x size. */
  hidden?: { units: number; weights: Float32Array; bias: Float32Array } | undefined;
  /** Features of known pictures, scaled to length 1: rows x size. */
  known?: Float32Array | undefined;
}

/** The outputs of a file with a head. */
export const LOGITS = 'logits';
export const DISTANCE = 'distance';

const MODEL_GRAPH = 7;
/** Features shorter than this count as so long: there is no direction without a length. */
const LEAST_LENGTH = 1e-12;

/**
 * One ONNX file of a backbone and a head. Its outputs are `logits` [N, classes] and, if known pictures are given, `distance` [N, 1]:
 * 1 - the largest cosine between the features and those of a known picture.
 * @throws MenagerieError `invalid_network` if the backbone has tensors of these names; RangeError if the sizes of the weights differ
 */
export function headFile(backbone: Backbone, head: HeadWeights): Uint8Array {
  assertSizes(backbone, head);
  const source = bytesInMemory(backbone.bytes);
  const model = readModel(source);
  const taken = new Set([...model.initializers.keys(), ...model.nodes.flatMap(({ outputs }) => outputs)]);
  for (const { name } of model.inputs) taken.add(name);
  for (const name of [LOGITS, DISTANCE]) {
    if (!taken.has(name)) continue;
    throw new MenagerieError(
      'invalid_network',
      `The network has a tensor "${name}" already, so it cannot be trained on.`,
    );
  }
  const GRAPH_OUTPUT = 12;
  const kept: Encodable[] = [];
  for (const graph of fieldsOf(source)) {
    if (graph.number !== MODEL_GRAPH) continue;
    for (const { number, start, end } of fieldsOf(source, graph.start, graph.end)) {
      if (number !== GRAPH_OUTPUT) kept.push([number, source.slice(start, end)]);
    }
  }
  return encode([...modelFields(source, model), [MODEL_GRAPH, [...kept, ...headFields(backbone.size, head)]]]);
}

/**
 * The head alone of a file that `headFile` wrote: from the features, its input, to its outputs.
 * @param outputs names of the outputs
 * @returns undefined if the file does not compute these from features
 * @throws MenagerieError `not_onnx`, `cyclic_graph`
 */
export function headPart(bytes: Uint8Array, size: number, outputs: readonly string[]): Uint8Array | undefined {
  const source = bytesInMemory(bytes);
  const model = readModel(source);
  const part = partOf(source, model, [FEATURES], outputs, []);
  if (!part || part.inputs.size > 0) return undefined;
  const graph: Encodable[] = [
    ...part.nodes,
    [2, 'head'],
    ...part.initializers,
    valueField('input', FEATURES, ['N', size]),
    ...outputs.map((name): Encodable => [12, [[1, name]]]),
  ];
  return encode([...modelFields(source, model), [MODEL_GRAPH, graph]]);
}

/** Only operators that are the same in all versions from 8 on. */
function headFields(size: number, { classes, weights, bias, hidden, known }: HeadWeights): Encodable[] {
  const name = (part: string) => `menagerie/head.${part}`;
  const fields: Encodable[] = [];
  let inputs = FEATURES;
  if (hidden) {
    inputs = name('hidden');
    fields.push(
      floatsField(name('hidden.weight'), [hidden.units, size], hidden.weights),
      floatsField(name('hidden.bias'), [hidden.units], hidden.bias),
      nodeField('Gemm', [FEATURES, name('hidden.weight'), name('hidden.bias')], [name('hidden.sums')], { transB: 1 }),
      nodeField('Relu', [name('hidden.sums')], [inputs]),
    );
  }
  fields.push(
    floatsField(name('weight'), [classes, weights.length / classes], weights),
    floatsField(name('bias'), [classes], bias),
    nodeField('Gemm', [inputs, name('weight'), name('bias')], [LOGITS], { transB: 1 }),
    valueField('output', LOGITS, ['N', classes]),
  );
  return known ? [...fields, ...distanceFields(size, known, name)] : fields;
}

function distanceFields(size: number, known: Float32Array, name: (part: string) => string): Encodable[] {
  const rows = known.length / size;
  const columns = new Float32Array(known.length);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < size; i++) columns[i * rows + row] = known[row * size + i] ?? 0;
  }
  return [
    floatsField(name('known'), [size, rows], columns),
    floatsField(name('ones'), [size, 1], new Float32Array(size).fill(1)),
    floatsField(name('least'), [1], Float32Array.of(LEAST_LENGTH)),
    floatsField(name('one'), [1], Float32Array.of(1)),
    integersField(name('one_line'), [0, 1, -1]),
    nodeField('Mul', [FEATURES, FEATURES], [name('squares')]),
    nodeField('MatMul', [name('squares'), name('ones')], [name('squared_length')]),
    nodeField('Sqrt', [name('squared_length')], [name('length')]),
    nodeField('Max', [name('length'), name('least')], [name('divisor')]),
    nodeField('Div', [FEATURES, name('divisor')], [name('direction')]),
    nodeField('MatMul', [name('direction'), name('known')], [name('cosines')]),
    nodeField('Reshape', [name('cosines'), name('one_line')], [name('line')]),
    nodeField('GlobalMaxPool', [name('line')], [name('largest')]),
    nodeField('Flatten', [name('largest')], [name('nearest')]),
    nodeField('Sub', [name('one'), name('nearest')], [DISTANCE]),
    valueField('output', DISTANCE, ['N', 1]),
  ];
}

function assertSizes({ size }: Backbone, { classes, weights, bias, hidden, known }: HeadWeights): void {
  const inputs = hidden?.units ?? size;
  const fits =
    weights.length === classes * inputs &&
    bias.length === classes &&
    (!hidden || (hidden.weights.length === hidden.units * size && hidden.bias.length === hidden.units)) &&
    (!known || (known.length > 0 && known.length % size === 0));
  if (!fits) throw new RangeError(`The weights of the head do not fit ${size} features and ${classes} classes`);
}
