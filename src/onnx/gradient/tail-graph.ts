import { at } from '../../core/at.js';
import { bytesInMemory } from '../../core/byte-source.js';
import { GraphWriter } from '../file/graph-writer.js';
import { readModel } from '../file/model.js';
import { foldedOperation } from './fold.js';
import { crossEntropy } from './loss.js';
import { operationOf } from './operations.js';
import { type Operand, type Operation, tensorAt } from './rules/rule.js';
import { type TailCut, tailLayers, trunkOf, weightNames } from './tail.js';
import { Tape } from './tape.js';

/** A weight that is trained: an input of the training graph. */
export interface TailWeight {
  name: string;
  dims: readonly number[];
  /** Those of the file, with batch normalisation folded in; zeros for the new head. */
  values: Float32Array;
}

/** The graph of one training step. */
export interface TailGraph {
  /**
   * The ONNX file. Its inputs are `activations` [N, ...dims], `targets` [N, classes], and every weight by its name; its outputs
   * `loss` (no dimensions), `logits` [N, classes], `features` [N, size], and for every weight `gradient/<name>`.
   */
  bytes: Uint8Array;
  activations: { name: string; dims: readonly number[] };
  /** Those of the tail, then `head.weight` [classes, size] and `head.bias` [classes]. */
  weights: TailWeight[];
}

/** What a tail probe computed, by tensor. */
export type TailObserved = Readonly<Record<string, { dims: readonly number[]; data: ArrayLike<unknown> }>>;

/**
 * Writes the graph that computes the loss of a network's tail with a new head, and its gradient by every weight. The loss is the
 * mean over the batch of the cross-entropy between the targets and the softmax of the logits; a row of targets sums up to the
 * weight of its picture.
 * @param bytes the network's ONNX file
 * @param observed the outputs of the tail probe
 * @throws MenagerieError `not_onnx`, `not_trainable`
 */
export function tailGraph(bytes: Uint8Array, cut: TailCut, classes: number, observed: TailObserved): TailGraph {
  const trunk = trunkOf(readModel(bytesInMemory(bytes)), cut.output);
  const known = (name: string) => {
    if (name === cut.tensor) return { dims: [1, ...cut.dims], values: undefined };
    const tensor = observed[name];
    return tensor && { dims: tensor.dims, values: numbersOf(tensor.data) };
  };
  const graph = new GraphWriter();
  const tape = new Tape(graph);
  const activations = graph.input('activations', ['N', ...cut.dims]);
  const targets = graph.input('targets', ['N', classes]);
  const tensors = new Map([[cut.tensor, activations]]);
  const weights: TailWeight[] = [];
  const trainedWeight = (name: string, dims: readonly number[], values: Float32Array): Operand => {
    weights.push({ name, dims, values });
    return { tensor: graph.input(name, dims), dims, constant: true, values: undefined };
  };

  for (const layer of tailLayers(trunk, cut)) {
    const operation = foldedOperation(layer, operationOf(layer, trunk, known), known);
    const names = layer.trained ? weightNames(layer) : [];
    const inputs = operation.inputs.map((input, i): Operand | undefined => {
      if (!input) return undefined;
      if (!input.constant) return { ...input, tensor: tensors.get(input.tensor) ?? '' };
      const values = floatsOf(input);
      const name = names[i - 1];
      return name === undefined
        ? { ...input, tensor: graph.floats(values, input.dims) }
        : trainedWeight(name, input.dims, values);
    });
    tape.run({ ...operation, inputs }).forEach((tensor, i) => {
      tensors.set(layer.outputs[i] ?? '', tensor);
    });
  }

  const featureMap = { tensor: tensors.get(trunk.features) ?? '', dims: known(trunk.features)?.dims ?? [] };
  const features = flatFeatures(tape, featureMap.tensor, featureMap.dims);
  const size = at(featureMap.dims, 1);
  const head = [
    trainedWeight('head.weight', [classes, size], new Float32Array(classes * size)),
    trainedWeight('head.bias', [classes], new Float32Array(classes)),
  ];
  const logits = run(tape, 'Gemm', [data(features, [1, size]), ...head], [1, classes], { transB: 1 });
  const { loss, gradient } = crossEntropy(graph, logits, targets);
  const gradients = tape.gradients(logits, gradient);
  for (const [name, tensor] of Object.entries({ loss, logits, features })) graph.output(name, tensor);
  for (const { name } of weights) graph.output(`gradient/${name}`, gradients.get(name) ?? '');
  return { bytes: graph.bytes(), activations: { name: activations, dims: cut.dims }, weights };
}

/** The classifier's input as [N, size]: of a picture the mean of every channel. */
function flatFeatures(tape: Tape, tensor: string, dims: readonly number[]): string {
  if (dims.length === 2) return tensor;
  const [batch, channels] = [at(dims, 0), at(dims, 1)];
  const means = [batch, channels, ...dims.slice(2).map(() => 1)];
  const pooled = run(tape, 'GlobalAveragePool', [data(tensor, dims)], means);
  return run(tape, 'Flatten', [data(pooled, means)], [batch, channels]);
}

function run(
  tape: Tape,
  operator: string,
  inputs: readonly Operand[],
  output: readonly number[],
  attributes: Operation['attributes'] = {},
): string {
  return tensorAt(tape.run({ operator, attributes, inputs, outputs: [output] }));
}

function data(tensor: string, dims: readonly number[]): Operand {
  return { tensor, dims, constant: false, values: undefined };
}

function floatsOf({ values = [] }: Operand): Float32Array {
  return values instanceof Float32Array ? values : Float32Array.from(values);
}

function numbersOf(data: ArrayLike<unknown>): ArrayLike<number> {
  return data instanceof Float32Array ? data : Array.from(data, Number);
}
