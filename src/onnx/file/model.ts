import type { ByteSource } from '../../core/byte-source.js';
import { type Node, readNode } from './node.js';
import { refuseOtherFiles } from './other-files.js';
import { INT64 } from './tensor-types.js';
import { topologicalOrder } from './topological-order.js';
import { type Field, fieldsOf, integersOf, notOnnx, textOf } from './wire.js';

// Reads the structure of ONNX files (onnx.proto3 of github.com/onnx/onnx). Weights are not read, only their shapes.

/** A tensor that is stored in the file. */
export interface Initializer {
  name: string;
  /** TensorProto.DataType. */
  dataType: number;
  dims: number[];
  /** Position of the TensorProto in the file. */
  start: number;
  end: number;
  /** Whether its values are in another file. */
  external: boolean;
  /** The values, if they are a short list of int64, such as a shape. */
  integers: number[] | undefined;
}

/** An input or output of the graph. */
interface GraphValue {
  name: string;
  /** TensorProto.DataType; 0 if unknown. */
  dataType: number;
  /** Numbers, or names of variable dimensions; undefined if the file does not say. */
  dims: (number | string)[] | undefined;
}

export interface OnnxModel {
  irVersion: number;
  /** Version of each operator set, by domain; '' is ONNX itself. */
  opsets: Record<string, number>;
  producer: string;
  /** Whether the file states that its weights are untrained. */
  untrained: boolean;
  name: string;
  nodes: Node[];
  initializers: Map<string, Initializer>;
  /** Without those that repeat initializers, as in files before IR version 4. */
  inputs: GraphValue[];
  outputs: GraphValue[];
}

const MAX_NODES = 100_000;
const MAX_INTEGERS_BYTES = 64;
/** The entry of `metadata_props` that marks a network as untrained. */
export const UNTRAINED = { key: 'menagerie.untrained', value: 'true' } as const;

/**
 * Reads the structure of an ONNX file.
 * @throws MenagerieError `not_onnx` if the bytes are not an ONNX model, `cyclic_graph`
 */
export function readModel(source: ByteSource): OnnxModel {
  refuseOtherFiles(source);
  const model: OnnxModel = {
    irVersion: 0,
    opsets: {},
    producer: '',
    untrained: false,
    name: '',
    nodes: [],
    initializers: new Map(),
    inputs: [],
    outputs: [],
  };
  let graphs = 0;
  for (const field of fieldsOf(source)) {
    switch (field.number) {
      case 1:
        model.irVersion = Number(field.value);
        break;
      case 2:
        model.producer = textOf(source, field);
        break;
      case 7:
        graphs++;
        readGraph(source, field, model);
        break;
      case 8:
        readOpset(source, field, model.opsets);
        break;
      case 14: {
        const [key, value] = [...fieldsOf(source, field.start, field.end)].map((entry) => textOf(source, entry));
        model.untrained ||= key === UNTRAINED.key && value === UNTRAINED.value;
        break;
      }
    }
  }
  if (graphs === 0 || model.nodes.length === 0) throw notOnnx('it has no graph');
  if (model.irVersion === 0 || Object.keys(model.opsets).length === 0) throw notOnnx('it names no operator set');
  model.inputs = model.inputs.filter(({ name }) => !model.initializers.has(name));
  nameNodes(model.nodes);
  model.nodes = topologicalOrder(model.nodes);
  return model;
}

function readOpset(source: ByteSource, { start, end }: Field, opsets: Record<string, number>): void {
  let domain = '';
  let version = 0;
  for (const field of fieldsOf(source, start, end)) {
    if (field.number === 1) domain = textOf(source, field);
    if (field.number === 2) version = Number(field.value);
  }
  opsets[domain === 'ai.onnx' ? '' : domain] = version;
}

function readGraph(source: ByteSource, graph: Field, model: OnnxModel): void {
  for (const field of fieldsOf(source, graph.start, graph.end)) {
    switch (field.number) {
      case 1:
        if (model.nodes.length === MAX_NODES) throw notOnnx(`it has more than ${MAX_NODES} nodes`);
        model.nodes.push(readNode(source, field));
        break;
      case 2:
        model.name = textOf(source, field);
        break;
      case 5: {
        const initializer = readInitializer(source, field);
        model.initializers.set(initializer.name, initializer);
        break;
      }
      case 11:
        model.inputs.push(readGraphValue(source, field));
        break;
      case 12:
        model.outputs.push(readGraphValue(source, field));
        break;
    }
  }
}

function readInitializer(source: ByteSource, { start, end }: Field): Initializer {
  const tensor: Initializer = { name: '', dataType: 0, dims: [], start, end, external: false, integers: undefined };
  for (const field of fieldsOf(source, start, end)) {
    if (field.number === 1) tensor.dims.push(...integersOf(source, field).map(Number));
    if (field.number === 2) tensor.dataType = Number(field.value);
    if (field.number === 8) tensor.name = textOf(source, field);
    if (field.number === 14) tensor.external = field.value === 1n;
    // 7 is int64_data, 9 is raw_data, which comes after the type.
    if (field.number === 7) tensor.integers = [...(tensor.integers ?? []), ...integersOf(source, field).map(Number)];
    if (field.number === 9 && tensor.dataType === INT64 && field.end - field.start <= MAX_INTEGERS_BYTES) {
      const bytes = Buffer.from(source.slice(field.start, field.end));
      tensor.integers = Array.from({ length: bytes.length >> 3 }, (_, i) => Number(bytes.readBigInt64LE(8 * i)));
    }
  }
  return tensor;
}

function readGraphValue(source: ByteSource, { start, end }: Field): GraphValue {
  const value: GraphValue = { name: '', dataType: 0, dims: undefined };
  for (const field of fieldsOf(source, start, end)) {
    if (field.number === 1) value.name = textOf(source, field);
    // ValueInfoProto.type -> TypeProto.tensor_type -> elem_type, shape
    if (field.number !== 2) continue;
    for (const type of fieldsOf(source, field.start, field.end)) {
      if (type.number !== 1) continue;
      for (const tensor of fieldsOf(source, type.start, type.end)) {
        if (tensor.number === 1) value.dataType = Number(tensor.value);
        if (tensor.number === 2) value.dims = readShape(source, tensor);
      }
    }
  }
  return value;
}

function readShape(source: ByteSource, { start, end }: Field): (number | string)[] {
  const dims: (number | string)[] = [];
  for (const dimension of fieldsOf(source, start, end)) {
    if (dimension.number !== 1) continue;
    let size: number | string = '?';
    for (const field of fieldsOf(source, dimension.start, dimension.end)) {
      if (field.number === 1) size = Number(BigInt.asIntN(64, field.value));
      if (field.number === 2) size = textOf(source, field);
    }
    dims.push(size);
  }
  return dims;
}

/** Gives every node its index and a unique name; names in the file are kept if unique. */
function nameNodes(nodes: Node[]): void {
  nodes
    .filter(({ operator }) => operator !== 'Constant')
    .forEach((node, i) => {
      node.index = i;
    });
  const taken = new Set(nodes.map(({ name }) => name));
  const seen = new Set<string>();
  nodes.forEach((node, i) => {
    let name = node.name;
    for (let k = i; name === '' || seen.has(name) || (name !== node.name && taken.has(name)); k += nodes.length) {
      name = `${node.operator}_${k}`;
    }
    seen.add(name);
    node.name = name;
  });
}
