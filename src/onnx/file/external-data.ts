import type { ByteSource } from '../../core/byte-source.js';
import { MenagerieError } from '../../core/errors.js';
import { refuseOtherFiles } from './other-files.js';
import { type Field, fieldsOf, notOnnx, textOf } from './wire.js';

type Message = 'model' | 'graph' | 'node' | 'attribute' | 'sparse' | 'function' | 'training' | 'tensor';

/** The fields of onnx.proto3, by number, whose messages are or may contain tensors. */
const CHILDREN: Record<Exclude<Message, 'tensor'>, Readonly<Record<number, Message>>> = {
  model: { 7: 'graph', 20: 'training', 25: 'function' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparse' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  function: { 7: 'node', 11: 'attribute' },
  training: { 1: 'graph', 2: 'graph' },
};
/** The nesting depth up to which protobuf itself reads messages. */
const MAX_DEPTH = 100;
const [TENSOR_EXTERNAL_DATA, TENSOR_DATA_LOCATION, EXTERNAL] = [13, 14, 1n];
const [ENTRY_KEY, ENTRY_VALUE] = [1, 2];

/** Depth of a weight of the main graph: model, graph, tensor. Every other tensor lies deeper. */
const WEIGHT_DEPTH = 2;

type Span = Pick<Field, 'start' | 'end'>;

/**
 * The names, as written in an ONNX file, of the files beside it that contain values of its tensors, each once.
 * @throws MenagerieError `not_onnx` if the bytes are not an ONNX model; `invalid_network` if a tensor other than a weight of the
 *   main graph has external data: the runtime would read it, unverified, from the working directory
 */
export function externalFiles(source: ByteSource): string[] {
  refuseOtherFiles(source);
  const names = new Set<string>();
  for (const { tensor, depth } of tensorsIn(source, 'model', { start: 0, end: source.length }, 0)) {
    const name = locationOf(source, tensor);
    if (name === undefined) continue;
    if (depth !== WEIGHT_DEPTH) {
      throw new MenagerieError(
        'invalid_network',
        'Only weights of the main graph may lie in external data; here a tensor of a node or nested graph does.',
      );
    }
    names.add(name);
  }
  return [...names];
}

/** The tensors in a message. @param depth number of messages that contain it */
function* tensorsIn(
  source: ByteSource,
  message: Message,
  span: Span,
  depth: number,
): Generator<{ tensor: Span; depth: number }> {
  if (depth > MAX_DEPTH) throw notOnnx('its graphs are nested too deeply');
  if (message === 'tensor') {
    yield { tensor: span, depth };
    return;
  }
  for (const field of fieldsOf(source, span.start, span.end)) {
    const child = CHILDREN[message][field.number];
    if (child && field.wireType === 2) yield* tensorsIn(source, child, field, depth + 1);
  }
}

/** The name of the file with the tensor's values; undefined if they are in the ONNX file. */
function locationOf(source: ByteSource, { start, end }: Span): string | undefined {
  let external = false;
  let location: string | undefined;
  for (const field of fieldsOf(source, start, end)) {
    if (field.number === TENSOR_DATA_LOCATION) external = field.value === EXTERNAL;
    if (field.number !== TENSOR_EXTERNAL_DATA) continue;
    const entry = [...fieldsOf(source, field.start, field.end)];
    const text = (number: number) => {
      const found = entry.find((part) => part.number === number);
      return found && textOf(source, found);
    };
    if (text(ENTRY_KEY) === 'location') location = text(ENTRY_VALUE);
  }
  return external ? (location ?? '') : undefined;
}
