import { encode } from './wire.js';

/**
 * Bytes that add an output to an ONNX file when appended to it: a protobuf message continues with what follows, and repeated fields
 * grow (https://protobuf.dev/programming-guides/encoding/#last-one-wins).
 * @param name of a tensor in the graph
 */
export function graphOutput(name: string): Uint8Array {
  const [MODEL_GRAPH, GRAPH_OUTPUT, VALUE_NAME] = [7, 12, 1];
  return encode([[MODEL_GRAPH, [[GRAPH_OUTPUT, [[VALUE_NAME, name]]]]]]);
}
