import { at } from '../../core/at.js';
import { bytesInMemory } from '../../core/byte-source.js';
import { GraphWriter } from '../file/graph-writer.js';
import { readModel } from '../file/model.js';
import { crossEntropy } from './loss.js';
import type { Knowledge } from './operations.js';
import { type Operand, type Operation, tensorAt } from './rules/rule.js';
import { type TailCut, trunkOf } from './tail.js';
import { Tape } from './tape.js';
import { type TailWeight, writeTail } from './write-tail.js';

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
  const known = knowledgeOf(cut, observed);
  const graph = new GraphWriter();
  const tape = new Tape(graph);
  const activations = graph.input('activations', ['N', ...cut.dims]);
  const targets = graph.input('targets', ['N', classes]);
  const tail = writeTail(graph, tape, activations, trunk, cut, known);
  const dims = known(trunk.features)?.dims ?? [];
  const size = at(dims, 1);
  const head: TailWeight[] = [
    { name: 'head.weight', dims: [classes, size], values: new Float32Array(classes * size) },
    { name: 'head.bias', dims: [classes], values: new Float32Array(classes) },
  ];
  const features = flatFeatures(tape, tail.features, dims);
  const operands = head.map((weight): Operand => {
    return { tensor: graph.input(weight.name, weight.dims), dims: weight.dims, constant: true, values: undefined };
  });
  const logits = run(tape, 'Gemm', [data(features, [1, size]), ...operands], [1, classes], { transB: 1 });
  const { loss, gradient } = crossEntropy(graph, logits, targets);
  const gradients = tape.gradients(logits, gradient);
  const weights = [...tail.weights, ...head];
  for (const [name, tensor] of Object.entries({ loss, logits, features })) graph.output(name, tensor);
  for (const { name } of weights) graph.output(`gradient/${name}`, gradients.get(name) ?? '');
  return { bytes: graph.bytes(), activations: { name: activations, dims: cut.dims }, weights };
}

/** What is known of the tensors of a tail after its probe has run. */
export function knowledgeOf(cut: TailCut, observed: TailObserved): Knowledge {
  return (name) => {
    if (name === cut.tensor) return { dims: [1, ...cut.dims], values: undefined };
    const tensor = observed[name];
    return tensor && { dims: tensor.dims, values: numbersOf(tensor.data) };
  };
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

function numbersOf(data: ArrayLike<unknown>): ArrayLike<number> {
  return data instanceof Float32Array ? data : Array.from(data, Number);
}
