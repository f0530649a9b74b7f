import { type ByteSource, bytesInMemory } from '../../core/byte-source.js';
import { tensorFields } from '../file/fields.js';
import { type OnnxModel, readModel } from '../file/model.js';
import { modelFields } from '../file/model-fields.js';
import type { Node } from '../file/node.js';
import { FLOAT } from '../file/tensor-types.js';
import { type Encodable, encode, fieldsOf } from '../file/wire.js';
import { type TailCut, type TailLayer, tailLayers, trunkOf, weightNames } from './tail.js';

const [NODE_INPUT, NODE_OUTPUT] = [1, 2];
const [GRAPH_NODE, GRAPH_NAME, GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_OUTPUT] = [1, 2, 5, 11, 12];

interface NamedValues {
  name: string;
  dims: readonly number[];
  values: Float32Array;
}

type Span = Pick<Node, 'start' | 'end'>;

/** A node of the new file. */
type NewNode = Pick<Node, 'inputs' | 'outputs'> & { fields: Uint8Array };

/**
 * The network with trained weights in its tail, and everything else as it was, its classifier included. Batch normalisation that
 * was folded is gone, and so is what only the old weights needed.
 * @param bytes the network's ONNX file
 * @param weights those of a tail graph after training, by its names; the head's are left out
 * @throws MenagerieError `not_onnx`, `not_trainable`
 */
export function fileWithTail(bytes: Uint8Array, cut: TailCut, weights: readonly NamedValues[]): Uint8Array {
  const source = bytesInMemory(bytes);
  const model = readModel(source);
  const layers = tailLayers(trunkOf(model, cut.output), cut).filter(({ trained }) => trained);
  const byName = new Map(weights.map((weight) => [weight.name, weight]));
  const added: NamedValues[] = [];
  const replace = (name: string) => {
    const weight = byName.get(name);
    if (!weight) return undefined;
    added.push({ ...weight, name: freeName(model, name) });
    return added.at(-1)?.name;
  };
  const rewired = new Map(layers.map((layer) => [layer.node, withWeights(source, layer, replace)]));
  const folded = new Set(layers.flatMap(({ fold }) => fold ?? []));
  const nodes = model.nodes
    .filter((node) => !folded.has(node))
    .map((node): NewNode => rewired.get(node) ?? { ...node, fields: copyOf(source, node) });

  const needed = new Set(model.outputs.map(({ name }) => name));
  const kept = nodes.toReversed().filter(({ inputs, outputs }) => {
    if (!outputs.some((name) => needed.has(name))) return false;
    for (const name of inputs) needed.add(name);
    return true;
  });
  const initializers = [...model.initializers.values()].filter(({ name }) => needed.has(name));
  const graph: Encodable[] = [
    ...kept.reverse().map(({ fields }): Encodable => [GRAPH_NODE, fields]),
    [GRAPH_NAME, model.name || 'graph'],
    ...initializers.map((tensor): Encodable => [GRAPH_INITIALIZER, copyOf(source, tensor)]),
    ...added.map(({ name, dims, values }): Encodable => [GRAPH_INITIALIZER, tensorFields(name, FLOAT, dims, values)]),
    ...ports(source, model),
  ];
  return encode([...modelFields(source, model), [7, graph]]);
}

/** A layer that takes new weights, and gives what the batch normalisation after it gave. */
function withWeights(source: ByteSource, layer: TailLayer, replace: (name: string) => string | undefined): NewNode {
  const { node, outputs } = layer;
  const inputs = node.inputs.slice(0, 1);
  weightNames(layer).forEach((name, i) => {
    const input = replace(name) ?? node.inputs[i + 1];
    if (input !== undefined) inputs.push(input);
  });
  const rest: Encodable[] = [];
  for (const { number, wireType, value, start, end } of fieldsOf(source, node.start, node.end)) {
    if (number === NODE_INPUT || number === NODE_OUTPUT) continue;
    rest.push([number, wireType === 0 ? value : copyOf(source, { start, end })]);
  }
  const named = [
    ...inputs.map((name): Encodable => [NODE_INPUT, name]),
    ...outputs.map((name): Encodable => [NODE_OUTPUT, name]),
  ];
  return { inputs, outputs, fields: encode([...named, ...rest]) };
}

/** The inputs and outputs of the graph. Weights are not repeated among the inputs. */
function ports(source: ByteSource, { initializers }: OnnxModel): Encodable[] {
  const found: Encodable[] = [];
  for (const graph of fieldsOf(source)) {
    if (graph.number !== 7) continue;
    for (const { number, start, end } of fieldsOf(source, graph.start, graph.end)) {
      if (number !== GRAPH_INPUT && number !== GRAPH_OUTPUT) continue;
      const fields = copyOf(source, { start, end });
      const [name] = [...fieldsOf(bytesInMemory(fields))].filter((field) => field.number === 1);
      const text = name ? Buffer.from(fields.subarray(name.start, name.end)).toString('utf8') : '';
      if (number === GRAPH_OUTPUT || !initializers.has(text)) found.push([number, fields]);
    }
  }
  return found;
}

/** A name that no weight of the file has. */
function freeName({ initializers }: OnnxModel, wanted: string): string {
  let name = wanted;
  while (initializers.has(name)) name += '+';
  return name;
}

function copyOf(source: ByteSource, { start, end }: Span): Uint8Array {
  return source.slice(start, end).slice();
}
