import type { Manifest } from '../core/manifest/manifest.js';
import type { NetworkSpec } from '../runtime/networks/network-spec.js';
import type { LabelCandidate } from './label-candidates.js';
import type { Preparation } from './preparations.js';
import type { NetworkForm } from './read-form.js';

/** A network, and how it may be fed and read. */
export interface NetworkToAdd {
  /** The ONNX file. */
  file: string;
  /** Size of the weights. */
  bytes: number;
  form: NetworkForm;
}

/**
 * A network to load, fed in one way.
 * @param n a number that no other network has which is loaded at the same time
 */
export function specOf(
  network: NetworkToAdd,
  preparation: Preparation,
  candidate: LabelCandidate,
  n: number,
): NetworkSpec {
  return {
    key: `${network.form.input.name}@${n}`,
    file: network.file,
    bytes: network.bytes,
    labels: candidate.labels.length,
    ...statedParts(network, preparation, candidate),
  };
}

/** What a manifest states of a network's input and output, for one way to feed it. */
export function statedParts(
  { form }: NetworkToAdd,
  { preprocess }: Preparation,
  { offset, labels }: LabelCandidate,
): Pick<Manifest, 'input' | 'preprocess' | 'output' | 'batch'> {
  // One sigmoid for two labels is the probability of the second one; several do not exclude each other.
  const severalLabels = form.sigmoid && !(form.scores === 1 && labels.length === 2);
  const output = {
    ...form.output,
    ...(severalLabels && { multi_label: true }),
    ...(offset > 0 && { label_offset: offset }),
  };
  return { input: form.input, preprocess, output, batch: form.batch };
}
