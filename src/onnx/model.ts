import { topologicalOrder } from './topological-order.js';
import { type ByteSource, bytesInMemory, type Field, fieldsOf, integersOf, notOnnx, textOf } from './wire.js';

// An ONNX file as data (onnx.proto3 of github.com/onnx/onnx). Weights are not read: of large tensors only the shape is kept.

/** A tensor stored in the file. */
export interface Initializer {
  name: string;
  /** TensorProto.DataType. */
  dataType: number;
  dims: number[];
  /** Where the whole TensorProto lies in the file. */
  start: number;
  end: number;
  /** Whether its values lie in another file. */
  external: boolean;
}

export type Attribute = number | number[] | string;

export interface Node {
  /** Unique: the name in the file, or one made from the operator and the position. */
  name: string;
  operator: string;
  /** '' or 'ai.onnx' is ONNX itself. */
  domain: string;
  /** Names of tensors; '' for one left out. */
  inputs: string[];
  outputs: string[];
  attributes: Record<string, Attribute>;
  /** Position among the nodes of the file that are no `Constant`: the runtime's own number for it. */
  index: number;
  start: number;
  end: number;
}

/** An input or output of the graph. */
export interface GraphValue {
  name: string;
  /** TensorProto.DataType; 0 if unknown. */
  dataType: number;
  /** Numbers, or names for sizes that may vary; undefined if the file does not say. */
  dims: (number | string)[] | undefined;
  start: number;
  end: number;
}

export interface OnnxModel {
  irVersion: number;
  /** Version of each operator set, by domain; '' is ONNX itself. */
  opsets: Record<string, number>;
  producer: string;
  name: string;
  nodes: Node[];
  initializers: Map<string, Initializer>;
  /** Without those that merely repeat initializers, as files before IR version 4 have them. */
  inputs: GraphValue[];
  outputs: GraphValue[];
}

const MAX_NODES = 100_000;

/**
 * Reads the structure of an ONNX file.
 * @throws MenagerieError `not_onnx` where the bytes are no ONNX model, `cyclic_graph`
 */
export function readModel(source: ByteSource): OnnxModel {
  const model: OnnxModel = {
    irVersion: 0,
    opsets: {},
    producer: '',
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
    }
  }
  if (graphs === 0 || model.nodes.length === 0) throw notOnnx('there is no graph in it');
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

function readNode(file: ByteSource, { start, end }: Field): Node {
  const source = bytesInMemory(file.slice(start, end).slice());
  const node: Node = {
    name: '',
    operator: '',
    domain: '',
    inputs: [],
    outputs: [],
    attributes: {},
    index: 0,
    start,
    end,
  };
  for (const field of fieldsOf(source)) {
    switch (field.number) {
      case 1:
        node.inputs.push(textOf(source, field));
        break;
      case 2:
        node.outputs.push(textOf(source, field));
        break;
      case 3:
        node.name = textOf(source, field);
        break;
      case 4:
        node.operator = textOf(source, field);
        break;
      case 5:
        readAttribute(source, field, node.attributes);
        break;
      case 7:
        node.domain = textOf(source, field);
        break;
    }
  }
  return node;
}

/** Numbers, lists of them and short texts; tensors and graphs are of no interest here. */
function readAttribute(source: ByteSource, { start, end }: Field, attributes: Record<string, Attribute>): void {
  let name = '';
  let value: Attribute | undefined;
  const list: number[] = [];
  for (const field of fieldsOf(source, start, end)) {
    switch (field.number) {
      case 1:
        name = textOf(source, field);
        break;
      case 2:
        value = floatsOf(source, field)[0];
        break;
      case 3:
        value = Number(BigInt.asIntN(64, field.value));
        break;
      case 4:
        value = textOf(source, field);
        break;
      case 7:
        list.push(...floatsOf(source, field));
        break;
      case 8:
        list.push(...integersOf(source, field).map(Number));
        break;
    }
  }
  if (list.length > 0) attributes[name] = list;
  else if (value !== undefined) attributes[name] = value;
}

function floatsOf(source: ByteSource, { start, end }: Field): number[] {
  const bytes = source.slice(start, end);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, i) => view.getFloat32(4 * i, true));
}

function readInitializer(source: ByteSource, { start, end }: Field): Initializer {
  const tensor: Initializer = { name: '', dataType: 0, dims: [], start, end, external: false };
  for (const field of fieldsOf(source, start, end)) {
    if (field.number === 1) tensor.dims.push(...integersOf(source, field).map(Number));
    if (field.number === 2) tensor.dataType = Number(field.value);
    if (field.number === 8) tensor.name = textOf(source, field);
    if (field.number === 14) tensor.external = field.value === 1n;
  }
  return tensor;
}

function readGraphValue(source: ByteSource, { start, end }: Field): GraphValue {
  const value: GraphValue = { name: '', dataType: 0, dims: undefined, start, end };
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

/** Gives every node its index and a name of its own, keeping those the file has. */
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
