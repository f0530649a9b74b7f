import type { ByteSource } from '../../core/byte-source.js';
import { type Field, fieldsOf, textOf } from './wire.js';

// Field numbers of onnx.proto3.
const [MODEL_GRAPH, GRAPH_INITIALIZER] = [7, 5];
const [TENSOR_EXTERNAL_DATA, TENSOR_DATA_LOCATION, EXTERNAL] = [13, 14, 1n];
const [ENTRY_KEY, ENTRY_VALUE] = [1, 2];

/**
 * The files beside an ONNX file in which values of its tensors lie, as it names them, each once.
 * @throws MenagerieError `not_onnx` where the bytes are no ONNX model
 */
export function externalFiles(source: ByteSource): string[] {
  const names = new Set<string>();
  for (const graph of fieldsOf(source)) {
    if (graph.number !== MODEL_GRAPH || graph.wireType !== 2) continue;
    for (const field of fieldsOf(source, graph.start, graph.end)) {
      const name = field.number === GRAPH_INITIALIZER ? locationOf(source, field) : undefined;
      if (name !== undefined) names.add(name);
    }
  }
  return [...names];
}

function locationOf(source: ByteSource, { start, end }: Field): string | undefined {
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
