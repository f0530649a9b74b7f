import type { Tensor } from 'onnxruntime-node';
import { missing } from '../../core/at.js';
import { fromFloat16 } from '../../core/pixels/float16.js';
import { LEAST_PROBABILITY } from '../../core/scores/averaging.js';
import { countOf } from '../../core/shape.js';
import type { NetworkSpec } from './network-spec.js';
import { mismatch } from './signature.js';

// From an output tensor to one score per label.

/**
 * The values of an output tensor.
 * @throws MenagerieError `signature_mismatch` for another type
 */
export function valuesOfOutput(output: Tensor | undefined, name: string): Float32Array {
  const { type, data } = output ?? {};
  if (type === 'float32' && data instanceof Float32Array) return data;
  if (type === 'float16' && data instanceof Uint16Array) return Float32Array.from(data, fromFloat16);
  if (type === 'float64' && data instanceof Float64Array) return Float32Array.from(data);
  throw mismatch(`the output "${name}" is ${type ?? 'no tensor'}; scores are float32, float16 or float64`);
}

/**
 * Checks that the output for one view is one score per label, whatever its shape. A network with one score for two labels is binary:
 * its score is that of the second label.
 * @param dims of the output
 * @throws MenagerieError `signature_mismatch`
 */
export function checkScoreCount(dims: readonly number[], { output, labels }: NetworkSpec): void {
  const { name, label_offset: offset = 0 } = output;
  const found = countOf(dims);
  if (dims.filter((size) => size > 1).length > 1) {
    throw mismatch(`the output "${name}" is ${dims.join('x')}, which is not one score per class`);
  }
  const scores = found - offset;
  if (scores === labels || (scores === 1 && isBinary(output, labels))) {
    if (labels >= 2 || output.multi_label) return;
    throw mismatch(`the network has one class only; for one label that applies or not, state output.multi_label`);
  }
  const given = `the network gives ${found} scores, the label file has ${labels} lines`;
  const advice =
    scores === labels + 1 ? '; if the first score is for the background, state output.label_offset: 1' : '';
  throw mismatch(offset > 0 ? `${given}, and output.label_offset is ${offset}` : given + advice);
}

function isBinary({ multi_label }: NetworkSpec['output'], labels: number): boolean {
  return labels === 2 && multi_label !== true;
}

/**
 * One score per label, of the kind that the manifest states. Scores before output.label_offset are left out; the probabilities that
 * are left are divided by their sum, as softmax does with the logits that are left.
 * @param values rows x scores, as the network gives them
 * @returns rows x labels
 */
export function classScores(values: Float32Array, rows: number, { output, labels }: NetworkSpec): Float32Array {
  const { kind, label_offset: offset = 0, multi_label } = output;
  const width = values.length / rows;
  if (width === labels && offset === 0) return values;
  const scores = new Float32Array(rows * labels);
  for (let row = 0; row < rows; row++) {
    const kept = values.subarray(row * width + offset, (row + 1) * width);
    if (kept.length === 1 && isBinary(output, labels)) {
      const [second = missing(0)] = kept;
      // Softmax of 0 and x is the logistic function of x.
      scores.set([kind === 'logits' ? 0 : 1 - second, second], row * labels);
    } else {
      scores.set(kind === 'logits' || multi_label ? kept : shares(kept), row * labels);
    }
  }
  return scores;
}

/** Divides probabilities by their sum. If all are 0, they become equal. */
function shares(probabilities: Float32Array): Float32Array {
  const sum = probabilities.reduce((total, p) => total + p + LEAST_PROBABILITY, 0);
  return probabilities.map((p) => (p + LEAST_PROBABILITY) / sum);
}
