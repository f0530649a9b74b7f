import { type ByteSource, bytesInMemory } from '../../core/byte-source.js';
import { type Field, fieldsOf, integersOf, textOf } from './wire.js';

/** The value of an attribute; of a tensor only its TensorProto.DataType. */
export type Attribute = number | number[] | string;

export interface Node {
  /** Unique: the name in the file, or one made of the operator and the position. */
  name: string;
  operator: string;
  /** Names of tensors; '' for an omitted one. */
  inputs: string[];
  outputs: string[];
  attributes: Record<string, Attribute>;
  /** Position among the nodes in the file except `Constant`: the number that the runtime uses. */
  index: number;
  start: number;
  end: number;
}

/** Reads a NodeProto. */
export function readNode(file: ByteSource, { start, end }: Field): Node {
  const source = bytesInMemory(file.slice(start, end).slice());
  const node: Node = {
    name: '',
    operator: '',
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
    }
  }
  return node;
}

/** Reads numbers, lists of numbers, strings and the types of tensors; ignores graphs. */
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
      case 5:
        value = dataTypeOf(source, field);
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

function dataTypeOf(source: ByteSource, { start, end }: Field): number {
  for (const field of fieldsOf(source, start, end)) if (field.number === 2) return Number(field.value);
  return 0;
}
