import { bytesInMemory } from '../../core/byte-source.js';
import { valueInfo } from '../file/fields.js';
import { readModel } from '../file/model.js';
import { modelFields } from '../file/model-fields.js';
import { FLOAT } from '../file/tensor-types.js';
import { type Encodable, encode } from '../file/wire.js';
import { notTrainable, type TailCut, tailLayers, trunkOf } from './tail.js';

/** A graph that says what is not in the file as it is: values of weights that are computed, and the shapes of a tail. */
export interface TailProbe {
  /** The ONNX file to run once, with zeros of `dims` as `input`. */
  bytes: Uint8Array;
  input: string;
  /** Those of the cut, for one picture. */
  dims: number[];
  outputs: string[];
}

/**
 * The tail with everything that its layers take and compute as outputs. Weights may be stored as codebooks, integers with factors,
 * or halves: the runtime computes their values as it does when the network serves.
 * @param bytes the network's ONNX file
 * @throws MenagerieError `not_onnx`; `not_trainable` if the tail takes more of the network than the cut tensor
 */
export function tailProbe(bytes: Uint8Array, cut: TailCut): TailProbe {
  const source = bytesInMemory(bytes);
  const model = readModel(source);
  const layers = tailLayers(trunkOf(model, cut.output), cut);
  const names = layers.flatMap(({ inputs, outputs, fold }) => [...inputs, ...(fold?.inputs ?? []), ...outputs]);
  const wanted = [...new Set(names)].filter((name) => name !== '' && name !== cut.tensor);
  const needed = new Set(wanted);
  const nodes = model.nodes.toReversed().filter(({ inputs, outputs }) => {
    if (!outputs.some((name) => needed.has(name) && name !== cut.tensor)) return false;
    for (const name of inputs) needed.add(name);
    return true;
  });
  const beside = model.inputs.find(({ name }) => needed.has(name) && name !== cut.tensor);
  if (beside)
    throw notTrainable(`its last layers take the input "${beside.name}" in other ways than through their first`);
  const copy = ({ start, end }: { start: number; end: number }) => source.slice(start, end).slice();
  const dims = [1, ...cut.dims];
  const graph: Encodable[] = [
    ...nodes.reverse().map((node): Encodable => [1, copy(node)]),
    [2, model.name || 'graph'],
    ...[...model.initializers.values()]
      .filter(({ name }) => needed.has(name))
      .map((each): Encodable => [5, copy(each)]),
    [11, valueInfo(cut.tensor, FLOAT, dims)],
    ...wanted.map((name): Encodable => [12, [[1, name]]]),
  ];
  return { bytes: encode([...modelFields(source, model), [7, graph]]), input: cut.tensor, dims, outputs: wanted };
}
