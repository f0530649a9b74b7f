import { type ByteSource, bytesInMemory } from '../../core/byte-source.js';
import { MenagerieError } from '../../core/errors.js';
import { valueField } from '../file/fields.js';
import { readModel } from '../file/model.js';
import { modelFields } from '../file/model-fields.js';
import { type Encodable, encodeParts, type Field, fieldsOf, textOf } from '../file/wire.js';
import { featureNodes } from './features.js';
import { FEATURES, findCut } from './find-cut.js';
import { type ExternalData, partOf } from './part.js';

/** A network without its last layer. */
export interface Backbone {
  /** An ONNX file whose only output are the features. */
  bytes: Uint8Array;
  /** Name of the output: float32, [N, size]. */
  features: string;
  /** Number of features. */
  size: number;
}

/** The limit of protocol buffers. */
const MAX_FILE_BYTES = 2 ** 31 - 1;
const MODEL_GRAPH = 7;

/**
 * Cuts a network before its last layer with weights. The bytes are the same for a base and for every file that `headFile` wrote on its
 * backbone, so their hash tells whether two files share it.
 * @param bytes the ONNX file
 * @param output name of the output with the scores
 * @param external its files with external data, which are written into the backbone
 * @returns undefined where there is no such layer, or what computes its input cannot be told
 * @throws MenagerieError `not_onnx`, `cyclic_graph`; `invalid_network` if external data is missing, or the file would have 2 GiB or more
 */
export function backboneOf(
  bytes: Uint8Array,
  output: string,
  external: readonly ExternalData[] = [],
): Backbone | undefined {
  const found = backboneParts(bytes, output, external);
  return found && { bytes: Buffer.concat(found.parts), features: FEATURES, size: found.size };
}

/** The bytes of `backboneOf` in pieces, of which those with weights are parts of the given files, not copies. */
export function backboneParts(
  bytes: Uint8Array,
  output: string,
  external: readonly ExternalData[],
): { parts: Uint8Array[]; size: number } | undefined {
  const source = bytesInMemory(bytes);
  const model = readModel(source);
  const cut = findCut(model, output);
  const part = cut && partOf(source, model, [], [cut.tensor], external);
  if (!part) return undefined;
  const graph: Encodable[] = [
    ...part.nodes,
    ...featureNodes(cut),
    [2, 'backbone'],
    ...part.initializers,
    ...inputFields(source, part.inputs),
    valueField('output', FEATURES, ['N', cut.size]),
  ];
  const parts = encodeParts([...modelFields(source, model), [MODEL_GRAPH, graph]]);
  if (parts.reduce((sum, { length }) => sum + length, 0) > MAX_FILE_BYTES) {
    throw new MenagerieError(
      'invalid_network',
      `The network without its last layer has more than ${MAX_FILE_BYTES} bytes.`,
    );
  }
  return { parts, size: cut.size };
}

/** The inputs of these names, byte for byte. */
function inputFields(source: ByteSource, names: ReadonlySet<string>): Encodable[] {
  const [GRAPH_INPUT, VALUE_NAME] = [11, 1];
  const isWanted = (input: Field) =>
    [...fieldsOf(source, input.start, input.end)].some((field) => {
      return field.number === VALUE_NAME && names.has(textOf(source, field));
    });
  const inputs: Encodable[] = [];
  for (const graph of fieldsOf(source)) {
    if (graph.number !== MODEL_GRAPH) continue;
    for (const field of fieldsOf(source, graph.start, graph.end)) {
      if (field.number === GRAPH_INPUT && isWanted(field)) {
        inputs.push([GRAPH_INPUT, source.slice(field.start, field.end)]);
      }
    }
  }
  return inputs;
}
