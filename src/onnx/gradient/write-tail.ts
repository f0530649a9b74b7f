import type { GraphWriter } from '../file/graph-writer.js';
import { foldedOperation } from './fold.js';
import { type Knowledge, operationOf } from './operations.js';
import type { Operand } from './rules/rule.js';
import { type TailCut, type Trunk, tailLayers, weightNames } from './tail.js';
import type { Tape } from './tape.js';

/** A weight that is trained: an input of the training graph. */
export interface TailWeight {
  name: string;
  dims: readonly number[];
  /** Those of the file, with batch normalisation folded in; zeros for a new head. */
  values: Float32Array;
}

/** A tail in a graph that is being written. */
export interface WrittenTail {
  /** The classifier's input. */
  features: string;
  weights: TailWeight[];
}

/**
 * Writes the layers of a tail. Trained weights become inputs of the graph, all other constants are in it.
 * @param activations the tensor of the graph that is fed with the cut tensor's values
 * @param known all that a tail probe observed
 * @throws MenagerieError `not_trainable`
 */
export function writeTail(
  graph: GraphWriter,
  tape: Tape,
  activations: string,
  trunk: Trunk,
  cut: TailCut,
  known: Knowledge,
): WrittenTail {
  const tensors = new Map([[cut.tensor, activations]]);
  const weights: TailWeight[] = [];
  for (const layer of tailLayers(trunk, cut)) {
    const operation = foldedOperation(layer, operationOf(layer, trunk, known), known);
    const names = layer.trained ? weightNames(layer) : [];
    const inputs = operation.inputs.map((input, i): Operand | undefined => {
      if (!input) return undefined;
      if (!input.constant) return { ...input, tensor: tensors.get(input.tensor) ?? '' };
      const { dims } = input;
      const values = floatsOf(input);
      const name = names[i - 1];
      if (name === undefined) return { ...input, tensor: graph.floats(values, dims) };
      weights.push({ name, dims, values });
      return { ...input, tensor: graph.input(name, dims) };
    });
    tape.run({ ...operation, inputs }).forEach((tensor, i) => {
      tensors.set(layer.outputs[i] ?? '', tensor);
    });
  }
  return { features: tensors.get(trunk.features) ?? '', weights };
}

function floatsOf({ values = [] }: Operand): Float32Array {
  return values instanceof Float32Array ? values : Float32Array.from(values);
}
