import type { ByteSource } from '../../core/byte-source.js';
import { MenagerieError } from '../../core/errors.js';

// The part of the protocol-buffer wire format (protobuf.dev/programming-guides/encoding) that ONNX files use.

/** One field of a message. */
export interface Field {
  number: number;
  /** 0 varint, 1 eight bytes, 2 length-delimited, 5 four bytes. */
  wireType: number;
  /** The varint's value; 0 for other wire types. */
  value: bigint;
  /** Position of the content; for a length-delimited field, without the length. */
  start: number;
  end: number;
}

const MAX_VARINT_BYTES = 10;

/** The error for bytes that are not an ONNX file. */
export function notOnnx(what: string): MenagerieError {
  return new MenagerieError('not_onnx', `Not a readable ONNX file: ${what}.`);
}

/**
 * The fields of the message from `start` up to but not including `end`, in order.
 * @throws MenagerieError `not_onnx` if the bytes are not a message
 */
export function* fieldsOf(source: ByteSource, start = 0, end = source.length): Generator<Field> {
  let at = start;
  while (at < end) {
    const key = readVarint(source, at, end);
    const number = Number(key.value >> 3n);
    const wireType = Number(key.value & 7n);
    let value = 0n;
    let from = key.next;
    let to: number;
    switch (wireType) {
      case 0: {
        const varint = readVarint(source, from, end);
        value = varint.value;
        to = varint.next;
        break;
      }
      case 1:
        to = from + 8;
        break;
      case 2: {
        const length = readVarint(source, from, end);
        from = length.next;
        to = from + Number(length.value);
        break;
      }
      case 5:
        to = from + 4;
        break;
      default:
        throw notOnnx(`byte ${at} starts a field of unknown wire type ${wireType}`);
    }
    if (number === 0 || to > end)
      throw notOnnx(`the field at byte ${at} ends outside its message; the file may be truncated`);
    yield { number, wireType, value, start: from, end: to };
    at = to;
  }
}

function readVarint(source: ByteSource, start: number, end: number): { value: bigint; next: number } {
  const bytes = source.slice(start, Math.min(end, start + MAX_VARINT_BYTES));
  let value = 0n;
  for (const [i, byte] of bytes.entries()) {
    value |= BigInt(byte & 0x7f) << BigInt(7 * i);
    if (byte < 0x80) return { value, next: start + i + 1 };
  }
  throw notOnnx(`the number at byte ${start} does not end; the file may be truncated`);
}

/** The values of a repeated integer field, packed or not. */
export function integersOf(source: ByteSource, field: Field): bigint[] {
  if (field.wireType === 0) return [BigInt.asIntN(64, field.value)];
  const values: bigint[] = [];
  for (let at = field.start; at < field.end; ) {
    const { value, next } = readVarint(source, at, field.end);
    values.push(BigInt.asIntN(64, value));
    at = next;
  }
  return values;
}

/** The text of a length-delimited field. */
export function textOf(source: ByteSource, { start, end }: Field): string {
  return Buffer.from(source.slice(start, end)).toString('utf8');
}

// Writing

/** A field to write: an integer, a string, bytes, or a message as a list of fields. */
export type Encodable = [number: number, value: number | bigint | string | Uint8Array | Encodable[]];

/** Encodes a message. A repeated field is given several times. */
export function encode(fields: readonly Encodable[]): Uint8Array {
  return Buffer.concat(encodeParts(fields));
}

/** The same in pieces, in order. Bytes that were given are not copied: a message may hold hundreds of megabytes of weights. */
export function encodeParts(fields: readonly Encodable[]): Uint8Array[] {
  return fields.flatMap(([number, value]) => fieldParts(number, value));
}

function fieldParts(number: number, value: Encodable[1]): Uint8Array[] {
  if (typeof value === 'number' || typeof value === 'bigint') {
    return [varint(BigInt(number) << 3n), varint(BigInt.asUintN(64, BigInt(value)))];
  }
  const content =
    typeof value === 'string' ? [Buffer.from(value)] : value instanceof Uint8Array ? [value] : encodeParts(value);
  const length = content.reduce((sum, part) => sum + part.length, 0);
  return [varint((BigInt(number) << 3n) | 2n), varint(BigInt(length)), ...content];
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}
