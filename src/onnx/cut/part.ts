import type { ByteSource } from '../../core/byte-source.js';
import { MenagerieError } from '../../core/errors.js';
import type { Initializer, OnnxModel } from '../file/model.js';
import type { Node } from '../file/node.js';
import { type Encodable, fieldsOf, textOf } from '../file/wire.js';

/** A file with external data, by the name that the ONNX file has for it. */
export interface ExternalData {
  path: string;
  data: Uint8Array;
}

/** The nodes and stored tensors that compute some tensors from others. */
export interface GraphPart {
  nodes: Encodable[];
  initializers: Encodable[];
  /** Names of the inputs of the whole graph that it needs. */
  inputs: ReadonlySet<string>;
}

/**
 * What computes `to`, in the order of the file, byte for byte; values in external data are written into the tensors.
 * @param from tensors that are given: what computes them is left out
 * @returns undefined if part of it cannot be told from the nodes: nested graphs, sparse tensors
 * @throws MenagerieError `invalid_network` if external data is missing or too short
 */
export function partOf(
  source: ByteSource,
  model: OnnxModel,
  from: readonly string[],
  to: readonly string[],
  external: readonly ExternalData[],
): GraphPart | undefined {
  const producers = new Map(model.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const graphInputs = new Set(model.inputs.map(({ name }) => name));
  const [nodes, stored, inputs] = [new Set<Node>(), new Set<string>(), new Set<string>()];
  const seen = new Set(['', ...from]);
  const pending = to.filter((name) => !seen.has(name));
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    const node = producers.get(name);
    if (node) {
      if (hasGraphs(source, node)) return undefined;
      nodes.add(node);
      pending.push(...node.inputs);
    } else if (model.initializers.has(name)) stored.add(name);
    else if (graphInputs.has(name)) inputs.add(name);
    else return undefined;
  }
  const copy = ({ start, end }: Pick<Node, 'start' | 'end'>) => source.slice(start, end);
  const tensors = [...model.initializers.values()].filter(({ name }) => stored.has(name));
  return {
    nodes: model.nodes.filter((node) => nodes.has(node)).map((node): Encodable => [1, copy(node)]),
    initializers: tensors.map((tensor): Encodable => {
      return [5, tensor.external ? withValues(source, tensor, external) : copy(tensor)];
    }),
    inputs,
  };
}

/** Whether a node has graphs among its attributes, as If and Loop do: they may read tensors that are not among its inputs. */
function hasGraphs(source: ByteSource, { start, end }: Node): boolean {
  const [NODE_ATTRIBUTE, ATTRIBUTE_GRAPH, ATTRIBUTE_GRAPHS] = [5, 6, 11];
  for (const field of fieldsOf(source, start, end)) {
    if (field.number !== NODE_ATTRIBUTE) continue;
    for (const { number } of fieldsOf(source, field.start, field.end)) {
      if (number === ATTRIBUTE_GRAPH || number === ATTRIBUTE_GRAPHS) return true;
    }
  }
  return false;
}

const [TENSOR_RAW_DATA, TENSOR_EXTERNAL_DATA, TENSOR_DATA_LOCATION] = [9, 13, 14];

/** The fields of a tensor with the values of its external data. */
function withValues(
  source: ByteSource,
  { name, start, end }: Initializer,
  external: readonly ExternalData[],
): Encodable[] {
  const kept: Encodable[] = [];
  const entries = new Map<string, string>();
  for (const field of fieldsOf(source, start, end)) {
    if (field.number === TENSOR_EXTERNAL_DATA) {
      const [key, value] = [...fieldsOf(source, field.start, field.end)].sort((a, b) => a.number - b.number);
      if (key && value) entries.set(textOf(source, key), textOf(source, value));
    } else if (field.number !== TENSOR_DATA_LOCATION) {
      kept.push([field.number, field.wireType === 0 ? field.value : source.slice(field.start, field.end)]);
    }
  }
  const file = external.find(({ path }) => path === entries.get('location'));
  const offset = Number(entries.get('offset') ?? 0);
  const length = Number(entries.get('length') ?? (file?.data.length ?? 0) - offset);
  const values = file?.data.subarray(offset, offset + length);
  if (values?.length !== length) {
    throw new MenagerieError('invalid_network', `External data of "${name.slice(0, 100)}" is missing or too short.`);
  }
  return [...kept, [TENSOR_RAW_DATA, values]];
}
